#include "options.hpp"

#include <CLI/CLI.hpp>
#include <iostream>
#include <random>

namespace keyfob::sim {
namespace {

constexpr const char* kAbout =
    "smartcar-sim: a local Smartcar. Connect, token endpoint and vehicle API on one port, for development, tests and\n"
    "demos; it keeps everything in memory and forgets it when it ends.";

constexpr const char* kExamples = R"(Examples:
  smartcar-sim                                        listen on 127.0.0.1:7421
  smartcar-sim --listen 127.0.0.1:0                   pick a free port; the first line printed names it
  smartcar-sim --access-ttl 5 --reuse-window 2        short lives, to see refreshes and windows end
  smartcar-sim --rotation strict --strict-revokes-family    a provider that punishes every second use
  smartcar-sim --client my-app:my-secret              accept this client only (default: any)

Consent without a person:
  curl -si 'http://127.0.0.1:7421/oauth/authorize?response_type=code&client_id=my-app&redirect_uri=http://localhost/cb'
  answers 302 with code, user_id and state. A browser (Accept: text/html) sees a page instead.
  Add &auto=deny or &auto=no_vehicles for a refusal, &auto_user=EMAIL to choose the owner.

Steering (all JSON; GET /_sim lists every call):
  curl -d '{"where":"token","kind":"drop_after_rotation"}' 127.0.0.1:7421/_sim/fault
  curl -d '{"seconds":7200}' 127.0.0.1:7421/_sim/advance
  curl 127.0.0.1:7421/_sim/stats
)";

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

/// A CLI11 check out of one of the model's parsers.
template <class T>
CLI::Validator word(Result<T> (*parse)(std::string_view), const char* name) {
  return CLI::Validator(
      [parse](std::string& text) {
        const auto value = parse(text);
        return value ? std::string() : value.error().what;
      },
      name, name);
}

struct Words {
  std::string rotation = "window";
  std::string replay = "same";
  std::string refusal = "smartcar";
  std::string after_disconnect = "403";
  std::string clock = "real";
  std::vector<std::string> clients;
  std::int64_t access = 7200;
  std::int64_t refresh = 5'184'000;
  std::int64_t code = 600;
  std::int64_t window = 60;
};

void declare_lives(CLI::App& app, Words& words) {
  app.add_option("--access-ttl", words.access, "life of an access token, seconds")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--refresh-ttl", words.refresh, "life of an unused refresh token, seconds")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--code-ttl", words.code, "life of an authorization code, seconds")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--reuse-window", words.window, "how long a used refresh token is still answered, seconds")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
}

void declare_behaviour(CLI::App& app, Words& words, CommandLine& line) {
  app.add_option(
         "--rotation", words.rotation,
         "window: the old refresh token works on for the reuse window; strict: it is dead at once; none: it is kept")
      ->check(word(parse_rotation, "window|strict|none"))
      ->capture_default_str();
  app.add_option("--replay", words.replay,
                 "what a second use inside the window answers: the same new pair, or one more new pair")
      ->check(word(parse_replay, "same|new"))
      ->capture_default_str();
  app.add_flag("--strict-revokes-family", line.sim.settings.strict_revokes_family,
               "a use of a dead refresh token revokes its whole grant");
  app.add_option("--refusal", words.refusal, "how a dead refresh token is refused (always 400)")
      ->check(word(parse_refusal_words, "smartcar|invalid_grant|legacy"))
      ->capture_default_str();
  app.add_option("--after-disconnect", words.after_disconnect, "what a call to a disconnected vehicle answers")
      ->check(word(parse_after_disconnect, "403|401"))
      ->capture_default_str();
  app.add_flag("--reconnect-invalidates", line.sim.settings.reconnect_invalidates,
               "connecting again revokes the owner's earlier pairs");
}

void apply(const Words& words, CommandLine& line) {
  Settings& settings = line.sim.settings;
  settings.access_ttl = seconds(words.access);
  settings.refresh_ttl = seconds(words.refresh);
  settings.code_ttl = seconds(words.code);
  settings.reuse_window = seconds(words.window);
  settings.rotation = *parse_rotation(words.rotation);
  settings.replay = *parse_replay(words.replay);
  settings.refusal_words = *parse_refusal_words(words.refusal);
  settings.after_disconnect = *parse_after_disconnect(words.after_disconnect);
  line.sim.manual_clock = words.clock == "manual";
  for (const std::string& pair : words.clients) {
    const auto colon = pair.find(':');
    Client client;
    client.id = pair.substr(0, colon);
    client.secrets.push_back(pair.substr(colon + 1));
    line.sim.clients.push_back(std::move(client));
  }
}

}  // namespace

std::variant<CommandLine, int> read_command_line(int argc, const char* const* argv) {
  CommandLine line;
  Words words;
  line.sim.seed = random_seed();
  CLI::App app(kAbout, "smartcar-sim");
  app.footer(kExamples);
  app.add_option("--listen", line.listen, "address and port; port 0 picks a free one")->capture_default_str();
  declare_lives(app, words);
  declare_behaviour(app, words, line);
  app.add_option("--clock", words.clock, "manual: time moves only by POST /_sim/advance")
      ->check(CLI::IsMember({"real", "manual"}))
      ->capture_default_str();
  app.add_option("--rate-limit", line.sim.rate_limit, "API calls that the application's bucket holds; 0: no limit")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--refill-per-minute", line.sim.refill_per_minute, "what the bucket gains each minute")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--vehicles", line.sim.vehicles, "vehicles of the first owner")->capture_default_str();
  app.add_option("--seed", line.sim.seed, "makes ids and tokens repeatable (default: random)");
  const CLI::Validator has_colon(
      [](std::string& t) { return t.find(':') == std::string::npos ? "write ID:SECRET" : std::string(); }, "ID:SECRET");
  app.add_option("--client", words.clients,
                 "accept this client only; may be repeated. The simulator's secrets are no secrets")
      ->check(has_colon);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error, std::cout, std::cerr);
    return code == 0 ? 0 : 2;
  }
  apply(words, line);
  return line;
}

}  // namespace keyfob::sim
