#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "config/parse.hpp"

namespace keyfob::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

Result<Config> parse(std::string_view text) { return parse_config(text, "keyfob.toml", "/etc/keyfob"); }

/// The Config, or the error as a test failure.
Config parsed(std::string_view text) {
  Result<Config> config = parse(text);
  EXPECT_TRUE(config.has_value()) << (config ? "" : config.error().what);
  return config.value_or(Config{});
}

TEST(Config, AnEmptyFileIsAllDefaults) {
  const Config config = parsed("");
  ASSERT_EQ(config.server.listen.size(), 1U);
  EXPECT_EQ(config.server.listen[0].text, "127.0.0.1:7420");
  EXPECT_EQ(config.server.max_body, 1024U * 1024U);
  EXPECT_EQ(config.store.url, "sqlite:/etc/keyfob/keyfob.db");
  EXPECT_EQ(config.keys.master, "file:/etc/keyfob/keyfob.key");
  EXPECT_EQ(config.node.state_dir, "/etc/keyfob/state");
  EXPECT_EQ(config.refresh.timeout, seconds(10));
  EXPECT_EQ(config.refresh.lease, seconds(15));
  EXPECT_EQ(config.upstream.timeout, seconds(310));
  EXPECT_EQ(config.cache.on_store_outage, OutagePolicy::serve);
  EXPECT_THAT(config.providers, IsEmpty());
  EXPECT_THAT(config.warnings, IsEmpty());
}

constexpr std::string_view kEveryKey = R"(
[server]
listen = ["0.0.0.0:7420", "[::1]:7421", "unix:run/keyfob.sock"]
tls = { certificate = "server.pem", key = "/tls/server.key", client_ca = "ca.pem" }
public_listen = ["0.0.0.0:7443"]
public_url = "https://keyfob.example.com/"
threads = 4
max_body = "64KiB"
max_header = "8KiB"
max_connections = 100
header_timeout = "5s"
body_timeout = "6s"
idle_timeout = "7s"
drain_delay = "4s"
event_loop = "epoll"
drain_timeout = "0s"
[node]
state_dir = "/var/lib/keyfob"
[store]
url = "postgresql://a,b/keyfob?target_session_attrs=read-write"
[keys]
master = "pkcs11:token=t;object=o"
[refresh]
min_validity = "30s"
ahead = "2m"
mode = "always_fresh"
keep_alive = "3d"
lease = "12s"
timeout = "1500ms"
min_interval = "0s"
max_rate = 7
spool = "always"
[cache]
max_entries = 10
max_staleness = "1s"
on_store_outage = "refuse"
[upstream]
timeout = "20s"
connect_timeout = "3s"
ca_file = "roots.pem"
proxy = "http://proxy:3128"
[events]
url = "https://backend.example.com/keyfob-events"
secret = "file:events.key"
)";

TEST(Config, ReadsEveryKeyOfServer) {
  const Config config = parsed(kEveryKey);
  EXPECT_EQ(config.server.listen[0].host, "0.0.0.0");
  EXPECT_EQ(config.server.listen[1].host, "::1");
  EXPECT_EQ(config.server.listen[1].port, 7421);
  EXPECT_EQ(config.server.listen[2].unix_path, "/etc/keyfob/run/keyfob.sock");
  ASSERT_TRUE(config.server.tls);
  EXPECT_EQ(config.server.tls->certificate, "/etc/keyfob/server.pem");
  EXPECT_EQ(config.server.tls->key, "/tls/server.key");
  EXPECT_EQ(config.server.tls->client_ca, "/etc/keyfob/ca.pem");
  EXPECT_EQ(config.server.public_listen[0].port, 7443);
  EXPECT_EQ(config.server.public_url, "https://keyfob.example.com");
  EXPECT_EQ(config.server.threads, 4U);
  EXPECT_EQ(config.server.max_body, 65536U);
  EXPECT_EQ(config.server.max_header, 8192U);
  EXPECT_EQ(config.server.max_connections, 100U);
  EXPECT_EQ(config.server.header_timeout, seconds(5));
  EXPECT_EQ(config.server.body_timeout, seconds(6));
  EXPECT_EQ(config.server.idle_timeout, seconds(7));
  EXPECT_EQ(config.server.drain_delay, seconds(4));
  EXPECT_EQ(config.server.event_loop, EventLoop::epoll);
  EXPECT_EQ(config.server.drain_timeout, seconds(0));
}

TEST(Config, ReadsEveryKeyOfTheOtherSections) {
  const Config config = parsed(kEveryKey);
  EXPECT_EQ(config.node.state_dir, "/var/lib/keyfob");
  EXPECT_EQ(config.store.url, "postgresql://a,b/keyfob?target_session_attrs=read-write");
  EXPECT_EQ(config.keys.master, "pkcs11:token=t;object=o");
  EXPECT_EQ(config.refresh.min_validity, seconds(30));
  EXPECT_EQ(config.refresh.ahead, minutes(2));
  EXPECT_EQ(config.refresh.mode, RefreshMode::always_fresh);
  EXPECT_EQ(config.refresh.keep_alive, days(3));
  EXPECT_EQ(config.refresh.lease, seconds(12));
  EXPECT_EQ(config.refresh.timeout, Milliseconds(1500));
  EXPECT_EQ(config.refresh.min_interval, seconds(0));
  EXPECT_EQ(config.refresh.max_rate, 7U);
  EXPECT_EQ(config.refresh.spool, SpoolMode::always);
  EXPECT_EQ(config.cache.max_entries, 10U);
  EXPECT_EQ(config.cache.max_staleness, seconds(1));
  EXPECT_EQ(config.cache.on_store_outage, OutagePolicy::refuse);
  EXPECT_EQ(config.upstream.timeout, seconds(20));
  EXPECT_EQ(config.upstream.connect_timeout, seconds(3));
  EXPECT_EQ(config.upstream.ca_file, "/etc/keyfob/roots.pem");
  EXPECT_EQ(config.upstream.proxy, "http://proxy:3128");
  EXPECT_EQ(config.events.secret, "file:/etc/keyfob/events.key");
}

TEST(Config, OverridesOfABuiltInProviderLeaveTheRestToItsProfile) {
  const Config config = parsed(R"(
[providers.smartcar]
all_origins = "http://127.0.0.1:7421/"
client_auth = "query"
)");
  ASSERT_EQ(config.providers.size(), 1U);
  const ProviderConfig& smartcar = config.providers[0];
  EXPECT_TRUE(smartcar.built_in);
  EXPECT_EQ(smartcar.all_origins, "http://127.0.0.1:7421");
  EXPECT_EQ(smartcar.client_auth, "query");
  EXPECT_FALSE(smartcar.reuse_window);
  EXPECT_FALSE(smartcar.token_url);
  EXPECT_FALSE(smartcar.dead_grant);
  EXPECT_FALSE(smartcar.routes);
}

constexpr std::string_view kAcme = R"(
[providers.acme]
authorize_url = "https://login.acme.example/authorize"
token_url = "https://login.acme.example/token"
revocation_url = "https://login.acme.example/revoke"
client_auth = "body"
pkce = true
refresh_ttl = "30d"
reuse_window = "2m"
rotation = "optional"
dead_grant = ["invalid_grant", { status = 400, error = "invalid_request", description_prefix = "Expired" }]
authorize_params = { access_type = "offline" }
[[providers.acme.routes]]
match = "/api/{vehicle}/**"
origin = "https://api.acme.example"
methods = ["GET", "POST"]
inject = { x-user = "{provider_user}" }
[[providers.acme.routes]]
match = "/admin/**"
origin = "https://api.acme.example"
credential = "client"
scheme = "basic"
permission = "management"
)";

TEST(Config, AProviderOfOnesOwnIsData) {
  const Config config = parsed(kAcme);
  ASSERT_EQ(config.providers.size(), 1U);
  const ProviderConfig& acme = config.providers[0];
  EXPECT_FALSE(acme.built_in);
  EXPECT_EQ(acme.name, "acme");
  EXPECT_EQ(acme.pkce, true);
  EXPECT_EQ(acme.refresh_ttl, days(30));
  EXPECT_EQ(acme.reuse_window, minutes(2));
  EXPECT_EQ(acme.rotation, "optional");
  ASSERT_EQ(acme.dead_grant->size(), 2U);
  EXPECT_EQ((*acme.dead_grant)[0].error, "invalid_grant");
  EXPECT_EQ((*acme.dead_grant)[1].status, 400);
  EXPECT_EQ((*acme.dead_grant)[1].description_prefix, "Expired");
  EXPECT_THAT(*acme.authorize_params, ElementsAre(Pair("access_type", "offline")));
  ASSERT_EQ(acme.routes->size(), 2U);
  EXPECT_THAT((*acme.routes)[0].methods, ElementsAre("GET", "POST"));
  EXPECT_THAT((*acme.routes)[0].inject, ElementsAre(Pair("x-user", "{provider_user}")));
  EXPECT_EQ((*acme.routes)[0].credential, "user");
  EXPECT_EQ((*acme.routes)[1].credential, "client");
  EXPECT_EQ((*acme.routes)[1].scheme, "basic");
  EXPECT_EQ((*acme.routes)[1].permission, "management");
  EXPECT_THAT(config.warnings, IsEmpty());
}

TEST(Config, AStrictProviderIsAcceptedWithAWarningThatSaysWhatIsNotPromised) {
  const Config config = parsed("[providers.smartcar]\nreuse_window = \"0s\"\n");
  EXPECT_THAT(config.warnings, ElementsAre(HasSubstr("provider smartcar has no reuse window")));
}

TEST(Config, AnUnknownProviderIsTakenForStrict) {
  const Config config = parsed("[providers.acme]\ntoken_url = \"https://a.example/token\"\n");
  EXPECT_EQ(config.providers[0].reuse_window, Milliseconds(0));
  EXPECT_THAT(config.warnings, ElementsAre(HasSubstr("provider acme has no reuse window")));
}

TEST(Config, PublicListenWithoutPublicUrlIsAWarning) {
  EXPECT_THAT(parsed("[server]\npublic_listen = [\"127.0.0.1:7443\"]\n").warnings,
              ElementsAre(HasSubstr("server.public_url is not")));
}

TEST(Config, TheFirstFileIsAcceptedAndMeansTheDefaults) {
  const std::string text = write_default_config();
  const Config first = parsed(text);
  const Config empty = parsed("");
  EXPECT_EQ(first.server.listen[0].text, empty.server.listen[0].text);
  EXPECT_EQ(first.store.url, empty.store.url);
  EXPECT_EQ(first.keys.master, empty.keys.master);
  EXPECT_EQ(first.node.state_dir, empty.node.state_dir);
  EXPECT_EQ(first.refresh.min_validity, empty.refresh.min_validity);
  EXPECT_EQ(first.refresh.ahead, empty.refresh.ahead);
  EXPECT_EQ(first.refresh.keep_alive, empty.refresh.keep_alive);
  EXPECT_EQ(first.cache.max_staleness, empty.cache.max_staleness);
  EXPECT_THAT(text, HasSubstr("\nlisten = [\"127.0.0.1:7420\"]\n"));
  EXPECT_THAT(text, testing::Not(HasSubstr("[providers")));
}

TEST(Config, TheFirstFileQuotesWhatItWasTold) {
  FirstConfig choice;
  choice.master_key = "file:a \"strange\\name\"\n.key";
  EXPECT_EQ(parsed(write_default_config(choice)).keys.master, "file:/etc/keyfob/a \"strange\\name\"\n.key");
}

TEST(Config, AMissingFileSaysHowToMakeOne) {
  const Result<Config> config = load_config("/dev/null/keyfob.toml");
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().code, ErrorCode::not_found);
  EXPECT_THAT(config.error().hint, HasSubstr("keyfob init"));
}

struct Refused {
  std::string_view text;
  std::string_view what;
  std::string_view hint;
};

class ConfigRefuses : public testing::TestWithParam<Refused> {};

TEST_P(ConfigRefuses, NamingLineKeyAndWhatToDo) {
  const Result<Config> config = parse(GetParam().text);
  ASSERT_FALSE(config) << GetParam().text;
  EXPECT_EQ(config.error().code, ErrorCode::invalid_argument);
  EXPECT_THAT(config.error().what, HasSubstr(GetParam().what));
  EXPECT_THAT(config.error().hint, HasSubstr(GetParam().hint));
}

constexpr Refused kRefusals[] = {
    {"a = = 1", "keyfob.toml:1: ", "must be TOML"},
    {"[\nerver]\nli = [\"0.20\"]\n0.0.0:7420\"]", "keyfob.toml", "must be TOML"},  // toml++ gave up on this one
    {"[server]\n\u00e4 = 1", "keyfob.toml:2: ", "must be TOML"},                   // a letter where a space could stand
    {"[server]\n\nmax_bdoy = \"1MiB\"", "keyfob.toml:3: unknown key server.max_bdoy", "did you mean server.max_body?"},
    {"[refersh]\nahead = \"5m\"", "keyfob.toml:1: unknown key refersh", "did you mean refresh?"},
    {"listen = [\"127.0.0.1:1\"]", "keyfob.toml:1: unknown key listen", "known here: server, node"},
    {"[providers.smartcar]\nrouts = []", "unknown key providers.smartcar.routs",
     "did you mean providers.smartcar.routes?"},
    {"[events]\nsecrett = \"x\"", "unknown key events.secrett", "did you mean events.secret?"},
    {"[cache]\nmax_entries = 1\n[refresh]\nx = 1\n[node]\ny = 1", "keyfob.toml:4: unknown key refresh.x", ""},
    {"[refresh]\nlease = 15", "keyfob.toml:2: refresh.lease must be a duration", "\"90s\""},
    {"[refresh]\nlease = \"15\"", "refresh.lease must be a duration", ""},
    {"[refresh]\nlease = \"0s\"", "refresh.lease is 0s", "1ms to 1h"},
    {"[refresh]\nmode = \"sometimes\"", "refresh.mode is \"sometimes\"", "\"on_demand\", \"always_fresh\""},
    {"[refresh]\nmax_rate = 0", "refresh.max_rate is 0", "1 to"},
    {"[refresh]\nmax_rate = -1", "refresh.max_rate must be a whole number", ""},
    {"[refresh]\nahead = \"30s\"", "refresh.ahead (30s) is less than refresh.min_validity (1m)", ""},
    {"[refresh]\ntimeout = \"15s\"", "keyfob.toml:2: refresh.timeout (15s) must be less than refresh.lease (15s)", ""},
    {"[refresh]\n\nlease = \"49s\"",
     "keyfob.toml:3: refresh.lease (49s) + recovery (1s) + refresh.timeout (10s) = 1m must be less than the reuse "
     "window "
     "of provider smartcar (1m)",
     "shorten"},
    {"[node]\n[providers.smartcar]\nreuse_window = \"20s\"",
     "keyfob.toml:2: refresh.lease (15s) + recovery (1s) + refresh.timeout (10s) = 26s must be less than the reuse "
     "window of provider smartcar (20s)",
     ""},
    {"[providers.a]\ntoken_url = \"https://a/t\"\nreuse_window = \"5s\"",
     "keyfob.toml:1: refresh.lease (15s) + recovery", ""},
    {"[server]\nlisten = []", "server.listen is empty", "at least one"},
    {"[server]\nlisten = \"127.0.0.1:1\"", "server.listen must be a list of texts", "[\"...\", \"...\"]"},
    {"[server]\nlisten = [\"7420\"]", "server.listen cannot be \"7420\"", "host:port"},
    {"[server]\nlisten = [\"::1:7420\"]", "server.listen cannot be \"::1:7420\"", "[v6]:port"},
    {"[server]\nlisten = [\"127.0.0.1:70000\"]", "server.listen cannot be", ""},
    {"[server]\nlisten = [\"0.0.0.0:7420\"]", "keyfob.toml:2: server.listen has 0.0.0.0:7420, which is not a loopback",
     "set server.tls"},
    {"[server]\nlisten = [\"keyfob.internal:7420\"]", "not a loopback address, and there is no TLS", ""},
    {"[server]\npublic_listen = [\"0.0.0.0:7443\"]", "server.public_listen has 0.0.0.0:7443", "set server.tls"},
    {"[server]\npublic_listen = [\"127.0.0.1:7420\"]", "server.public_listen has 127.0.0.1:7420, which listen has", ""},
    {"[server]\ntls = { certificate = \"a.pem\" }", "server.tls.key is missing", "both"},
    {"[server]\ntls = { certificate = \"a\", key = \"b\", ca = \"c\" }", "unknown key server.tls.ca", "known here"},
    {"[server]\npublic_url = \"http://keyfob.example.com\"", "server.public_url is plain http", ""},
    {"[server]\nmax_body = \"1MB\"", "server.max_body must be a size", "\"1MiB\""},
    {"[server]\nmax_body = \"99999999999999GiB\"", "server.max_body must be a size", ""},
    {"[server]\nmax_header = \"1KiB\"\nthreads = true", "server.threads must be a whole number", ""},
    {"[server]\nevent_loop = \"uring\"", "server.event_loop is \"uring\"", "\"io_uring\""},
    {"server = 1", "server must be a table", "[server]"},
    {"[node]\nstate_dir = \"\"", "node.state_dir is empty", ""},
    {"[store]\nurl = \"mysql://x\"", "store.url cannot be \"mysql://x\"", "sqlite: postgresql://"},
    {"[store]\nurl = \"sqlite:\"", "store.url cannot be \"sqlite:\"", ""},
    {"[store]\npooler = \"transaction\"", "store.pooler is for PostgreSQL", "SQLite"},
    {"[store]\nlisten_url = \"http://x\"", "store.listen_url cannot be", "postgresql://"},
    {"[store]\nconnections = 1", "store.connections", ""},
    {"[store]\nurl = 1979-05-27", "store.url must be text in quotes", ""},
    {"[keys]\nmaster = \"keyfob.key\"", "keys.master cannot be \"keyfob.key\"", "file: pkcs11: exec: env: credential:"},
    {"[cache]\non_store_outage = \"ignore\"", "cache.on_store_outage is \"ignore\"", "\"serve\", \"refuse\""},
    {"[upstream]\nproxy = \"socks5://p\"", "upstream.proxy cannot be", "http://host:port"},
    {"[events]\nurl = \"https://b.example/e\"", "events.secret is missing", "both"},
    {"[events]\nsecret = \"env:KEY\"", "events.url is missing", "both"},
    {"[events]\nurl = \"http://b.example/e\"\nsecret = \"env:K\"", "events.url is plain http to b.example", ""},
    {"[events]\nurl = \"https://b.example/e\"\nsecret = \"topsecret\"", "events.secret cannot be", "file: env:"},
    {"[providers.smartcar]\nclient_atuh = \"body\"", "unknown key providers.smartcar.client_atuh",
     "did you mean providers.smartcar.client_auth?"},
    {"[providers.smartcar]\nall_origins = \"http://10.0.0.1:1\"", "providers.smartcar.all_origins is plain http", ""},
    {"[providers.smartcar]\nall_origins = \"https://a.example/v2\"", "must be scheme, host and port only", ""},
    {"[providers.smartcar]\ntoken_url = \"https://user:pw@a.example/t\"", "token_url is not a URL", ""},
    {"[providers.Acme]\ntoken_url = \"https://a.example/t\"", "providers.Acme is no name for a provider", "a-z"},
    {"[providers.acme]\npkce = true", "providers.acme.token_url is missing", ""},
    {"[providers.acme]\ntoken_url = \"https://a.example/t\"\nrotation = \"maybe\"", "rotation is \"maybe\"",
     "\"required\", \"optional\""},
    {"[providers.smartcar]\ndead_grant = [{ status = 400 }]", "dead_grant.error is missing", "any refusal"},
    {"[providers.smartcar]\ndead_grant = [400]", "dead_grant must hold texts or tables", ""},
    {"[[providers.smartcar.routes]]\nmatch = \"/a\"", "routes.origin is missing", ""},
    {"[[providers.smartcar.routes]]\nmatch = \"a\"\norigin = \"https://a.example\"", "routes.match must start with /",
     ""},
    {"[[providers.smartcar.routes]]\nmatch = \"/a\"\norigin = \"http://a.example\"", "routes.origin is plain http", ""},
    {"[[providers.smartcar.routes]]\nmatch = \"/a\"\norigin = \"https://a\"\ncredential = \"amt\"",
     "routes.credential is \"amt\"", "\"management\""},
};

INSTANTIATE_TEST_SUITE_P(All, ConfigRefuses, testing::ValuesIn(kRefusals));

TEST(Config, NamesTheProblemThatComesFirstInTheFile) {
  const Result<Config> config = parse("[cache]\nzzz = 1\n[server]\nthreads = \"x\"\n");
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().what, HasSubstr("keyfob.toml:2: unknown key cache.zzz"));
}

TEST(Timing, IsCheckedWithTheNumbersOfTheProtocol) {
  RefreshConfig refresh;
  EXPECT_EQ(check_timing(refresh, "p", seconds(60)).value(), "");
  EXPECT_EQ(check_timing(refresh, "p", Milliseconds(26001)).value(), "");
  EXPECT_FALSE(check_timing(refresh, "p", seconds(26)));
  EXPECT_NE(check_timing(refresh, "p", seconds(0)).value(), "");
}

}  // namespace
}  // namespace keyfob::config
