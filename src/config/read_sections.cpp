#include <fmt/format.h>

#include <algorithm>

#include "config/address.hpp"
#include "config/read.hpp"

namespace keyfob::config {
namespace {

constexpr NumberRange kCount{1, 1'000'000};
constexpr DurationRange kShort{Milliseconds(1), hours(1)};

void read_listen(Section& section, std::string_view key, const ReadContext& context, std::vector<ListenAddress>& out) {
  std::vector<std::string> texts;
  section.read_texts(key, texts);
  if (!section.has(key)) return;
  out.clear();
  for (const std::string& text : texts) {
    if (auto address = parse_listen(text, context.base_dir)) {
      out.push_back(std::move(*address));
    } else {
      section.report(key, fmt::format("cannot be \"{}\"", text),
                     "write \"host:port\", \"[v6]:port\" or \"unix:/path\"");
    }
  }
}

void read_tls(Section section, const ReadContext& context, std::optional<TlsConfig>& out) {
  if (section.table() == nullptr) return;
  TlsConfig tls;
  section.read_text("certificate", tls.certificate);
  section.read_text("key", tls.key);
  section.read_text("client_ca", tls.client_ca);
  section.refuse_unknown_keys();
  for (const auto& [key, path] : {std::pair("certificate", &tls.certificate), std::pair("key", &tls.key)}) {
    if (path->empty()) section.report(key, "is missing", "TLS needs both a certificate and a key, as PEM files");
  }
  for (std::string* path : {&tls.certificate, &tls.key, &tls.client_ca}) {
    if (!path->empty()) *path = resolve_path(context.base_dir, *path);
  }
  out = std::move(tls);
}

void demand_tls(Section& section, std::string_view key, const std::vector<ListenAddress>& addresses) {
  for (const ListenAddress& address : addresses) {
    if (address.is_unix() || is_loopback(address.host)) continue;
    section.report(key, fmt::format("has {}, which is not a loopback address, and there is no TLS", address.text),
                   "set server.tls, or listen on 127.0.0.1 or a Unix socket");
  }
}

void check_addresses(Section& section, const ServerConfig& server) {
  if (server.listen.empty()) section.report("listen", "is empty", "name at least one address, like \"127.0.0.1:7420\"");
  if (!server.tls) {
    demand_tls(section, "listen", server.listen);
    demand_tls(section, "public_listen", server.public_listen);
  }
  for (const ListenAddress& open : server.public_listen) {
    const auto same = [&](const ListenAddress& own) {
      return own.text == open.text && (own.is_unix() || own.port != 0);
    };
    if (std::ranges::any_of(server.listen, same)) {
      section.report("public_listen", fmt::format("has {}, which listen has too", open.text),
                     "the public address must be one of its own: it serves only callbacks and webhooks");
    }
  }
}

void read_public_url(Section& section, ServerConfig& server) {
  section.read_text("public_url", server.public_url);
  if (server.public_url.empty()) return;
  const std::string problem = url_problem(server.public_url, UrlShape::endpoint);
  if (!problem.empty()) section.report("public_url", problem, "it is the URL under which browsers reach this server");
  while (server.public_url.ends_with('/')) server.public_url.pop_back();
}

void read_limits(Section& section, ServerConfig& server) {
  section.read_number("threads", server.threads, {0, 1024});
  section.read_choice<EventLoop>(
      "event_loop", server.event_loop,
      {{"auto", EventLoop::automatic}, {"epoll", EventLoop::epoll}, {"io_uring", EventLoop::io_uring}});
  section.read_size("max_body", server.max_body, {0, 1ULL << 30U});
  section.read_size("max_header", server.max_header, {1024, 1ULL << 20U});
  section.read_number("max_connections", server.max_connections, kCount);
  section.read_duration("header_timeout", server.header_timeout, kShort);
  section.read_duration("body_timeout", server.body_timeout, kShort);
  section.read_duration("idle_timeout", server.idle_timeout, {Milliseconds(1), days(1)});
  section.read_duration("drain_delay", server.drain_delay, {Milliseconds(0), minutes(10)});
  section.read_duration("drain_timeout", server.drain_timeout, {Milliseconds(0), hours(1)});
}

/// A text must start with one of `schemes`; the path in it is resolved.
void check_reference(Section& section, std::string_view key, const ReadContext& context,
                     const std::vector<std::string>& schemes, std::string& text) {
  const auto fits = [&](const std::string& scheme) { return text.starts_with(scheme) && text.size() > scheme.size(); };
  if (!std::ranges::any_of(schemes, fits)) {
    section.report(key, fmt::format("cannot be \"{}\"", text),
                   fmt::format("it starts with one of: {}", fmt::join(schemes, " ")));
  }
  text = resolve_reference(context.base_dir, text);
}

void read_reference(Section& section, std::string_view key, const ReadContext& context,
                    const std::vector<std::string>& schemes, std::string& out) {
  section.read_text(key, out);
  check_reference(section, key, context, schemes, out);
}

}  // namespace

void read_server(Section section, const ReadContext& context, Config& config) {
  ServerConfig& server = config.server;
  read_listen(section, "listen", context, server.listen);
  read_listen(section, "public_listen", context, server.public_listen);
  read_tls(section.section("tls"), context, server.tls);
  section.read_pairs("unix_callers", server.unix_callers);
  for (const auto& [uid, caller] : server.unix_callers) {
    const bool number = !uid.empty() && uid.size() < 10 && uid.find_first_not_of("0123456789") == std::string::npos;
    if (!number)
      section.report("unix_callers", fmt::format("has \"{}\", which is no uid", uid), "{ \"1000\" = \"backend\" }");
  }
  read_public_url(section, server);
  read_limits(section, server);
  section.refuse_unknown_keys();
  check_addresses(section, server);
  if (!server.public_listen.empty() && server.public_url.empty()) {
    config.warnings.emplace_back("server.public_listen is set but server.public_url is not: consent callbacks need it");
  }
}

void read_node(Section section, const ReadContext& context, NodeConfig& node) {
  section.read_text("state_dir", node.state_dir);
  if (node.state_dir.empty()) section.report("state_dir", "is empty", "name a directory of this process's own");
  section.refuse_unknown_keys();
  node.state_dir = resolve_path(context.base_dir, node.state_dir);
}

void read_store(Section section, const ReadContext& context, StoreConfig& store) {
  read_reference(section, "url", context, {"sqlite:", "postgresql://", "postgres://"}, store.url);
  section.read_choice<Pooler>("pooler", store.pooler, {{"none", Pooler::none}, {"transaction", Pooler::transaction}});
  section.read_number("connections", store.connections, {2, 1000});
  section.read_text("listen_url", store.listen_url);
  if (!store.listen_url.empty()) {
    check_reference(section, "listen_url", context, {"postgresql://", "postgres://"}, store.listen_url);
  }
  section.refuse_unknown_keys();
  if (!store.url.starts_with("sqlite:")) return;
  const char* odd = store.pooler != Pooler::none ? "pooler" : !store.listen_url.empty() ? "listen_url" : nullptr;
  if (odd != nullptr) section.report(odd, "is for PostgreSQL", "store.url names a SQLite file");
}

void read_keys(Section section, const ReadContext& context, KeysConfig& keys) {
  const std::vector<std::string> schemes = {"file:", "pkcs11:", "exec:", "env:", "credential:"};
  read_reference(section, "master", context, schemes, keys.master);
  section.read_texts("also", keys.also);
  for (std::string& reference : keys.also) check_reference(section, "also", context, schemes, reference);
  section.read_number("reseal_rate", keys.reseal_rate, {0, 1'000'000});
  section.refuse_unknown_keys();
}

void read_refresh(Section section, RefreshConfig& refresh) {
  section.read_duration("min_validity", refresh.min_validity, {Milliseconds(0), days(1)});
  section.read_duration("ahead", refresh.ahead, {Milliseconds(0), days(30)});
  section.read_choice<RefreshMode>(
      "mode", refresh.mode, {{"on_demand", RefreshMode::on_demand}, {"always_fresh", RefreshMode::always_fresh}});
  section.read_duration("keep_alive", refresh.keep_alive, {Milliseconds(0), days(3650)});
  section.read_duration("lease", refresh.lease, kShort);
  section.read_duration("timeout", refresh.timeout, kShort);
  section.read_duration("min_interval", refresh.min_interval, {Milliseconds(0), hours(1)});
  section.read_number("max_rate", refresh.max_rate, kCount);
  section.read_choice<SpoolMode>("spool", refresh.spool,
                                 {{"on_failure", SpoolMode::on_failure}, {"always", SpoolMode::always}});
  section.refuse_unknown_keys();
  if (refresh.ahead < refresh.min_validity) {
    section.report("ahead",
                   fmt::format("({}) is less than refresh.min_validity ({})", format_duration(refresh.ahead),
                               format_duration(refresh.min_validity)),
                   "refreshing in the background must begin before callers have to wait for it");
  }
}

void read_cache(Section section, CacheConfig& cache) {
  section.read_number("max_entries", cache.max_entries, {1, 1'000'000'000});
  section.read_duration("max_staleness", cache.max_staleness, {Milliseconds(0), hours(1)});
  section.read_choice<OutagePolicy>("on_store_outage", cache.on_store_outage,
                                    {{"serve", OutagePolicy::serve}, {"refuse", OutagePolicy::refuse}});
  section.refuse_unknown_keys();
}

void read_audit(Section section, AuditConfig& audit) {
  section.read_duration("retention", audit.retention, {days(1), days(36500)});
  section.refuse_unknown_keys();
}

void read_console(Section section, ConsoleConfig& console) {
  section.read_flag("enabled", console.enabled);
  section.read_duration("idle", console.idle, {seconds(1), days(30)});
  section.read_duration("lifetime", console.lifetime, {seconds(1), days(30)});
  section.refuse_unknown_keys();
}

void read_log(Section section, LogConfig& log) {
  section.read_choice<LogFormat>("format", log.format, {{"text", LogFormat::text}, {"json", LogFormat::json}});
  section.read_choice<LogLevel>("level", log.level,
                                {{"debug", LogLevel::debug},
                                 {"info", LogLevel::info},
                                 {"warning", LogLevel::warning},
                                 {"error", LogLevel::error}});
  section.refuse_unknown_keys();
}

void read_upstream(Section section, const ReadContext& context, UpstreamConfig& upstream) {
  section.read_duration("timeout", upstream.timeout, {Milliseconds(1), days(1)});
  section.read_duration("connect_timeout", upstream.connect_timeout, kShort);
  section.read_text("ca_file", upstream.ca_file);
  section.read_flag("remember_retry_after", upstream.remember_retry_after);
  section.read_text("proxy", upstream.proxy);
  section.refuse_unknown_keys();
  if (!upstream.ca_file.empty()) upstream.ca_file = resolve_path(context.base_dir, upstream.ca_file);
  if (!upstream.proxy.empty() && !upstream.proxy.starts_with("http://")) {
    section.report("proxy", fmt::format("cannot be \"{}\"", upstream.proxy), "write \"http://host:port\"");
  }
}

void read_events(Section section, const ReadContext& context, EventsConfig& events) {
  section.read_text("url", events.url);
  if (section.take("secret") != nullptr) read_reference(section, "secret", context, {"file:", "env:"}, events.secret);
  section.refuse_unknown_keys();
  if (events.url.empty() != events.secret.empty()) {
    section.report(events.url.empty() ? "url" : "secret", "is missing",
                   "events need both url and secret: they are signed");
  }
  if (events.url.empty()) return;
  const std::string problem = url_problem(events.url, UrlShape::endpoint);
  if (!problem.empty()) section.report("url", problem);
}

}  // namespace keyfob::config
