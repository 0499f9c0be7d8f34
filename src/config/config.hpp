#pragma once
// Config: everything an operator can set, as one validated value. Every default of Keyfob is in this file.
// Values only; no thread, no file, no environment. Durations are milliseconds, sizes are bytes.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/time.hpp"

namespace keyfob::config {

/// Where to listen: host and port, or a Unix socket (then `host` is empty and `port` 0).
struct ListenAddress {
  std::string text;    ///< as written, for messages
  std::string host{};  ///< numeric address or name, without brackets
  std::uint16_t port = 0;
  std::string unix_path{};  ///< absolute when the configuration came from a file

  [[nodiscard]] bool is_unix() const { return !unix_path.empty(); }
};

struct TlsConfig {
  std::string certificate;  ///< PEM file, chain included
  std::string key;          ///< PEM file
  std::string client_ca{};  ///< PEM file; not empty: mTLS, the certificate's SAN names the caller
};

/// What the threads that serve wait with. `automatic`: io_uring where the kernel has it for us, else epoll.
enum class EventLoop : std::uint8_t { automatic, epoll, io_uring };

struct ServerConfig {
  std::vector<ListenAddress> listen = {{"127.0.0.1:7420", "127.0.0.1", 7420, {}}};
  std::optional<TlsConfig> tls{};
  std::vector<std::pair<std::string, std::string>> unix_callers{};  ///< uid in decimal: name of a caller
  std::vector<ListenAddress> public_listen{};                       ///< serves only /connect/callback and /webhooks/*
  std::string public_url{};                                         ///< no trailing slash
  std::uint32_t threads = 0;                                        ///< 0: one per core
  EventLoop event_loop = EventLoop::automatic;
  std::uint64_t max_body = 1ULL << 20U;       ///< largest body that can be replayed after a 401
  std::uint64_t max_header = 16ULL << 10U;    ///< largest head of a request
  std::uint32_t max_connections = 16384;      ///< beyond it a connection is closed at once
  Milliseconds header_timeout = seconds(10);  ///< for a whole head, from its first byte
  Milliseconds body_timeout = seconds(30);    ///< between two pieces of a body
  Milliseconds idle_timeout = seconds(75);    ///< between two requests of a connection
  Milliseconds drain_delay = seconds(0);      ///< after SIGTERM /readyz says 503 and the rest goes on
  Milliseconds drain_timeout = seconds(30);   ///< for requests in flight after that
};

struct NodeConfig {
  std::string state_dir = "state";  ///< node id, incarnation, spool, admin socket; flocked
};

/// What stands between Keyfob and PostgreSQL. `transaction`: PgBouncer in transaction mode.
enum class Pooler : std::uint8_t { none, transaction };

struct StoreConfig {
  std::string url = "sqlite:keyfob.db";  ///< "sqlite:PATH" or "postgresql://..."
  Pooler pooler = Pooler::none;          ///< PostgreSQL only, as the rest
  std::string listen_url{};              ///< where notifications are heard; empty: `url`
  std::uint32_t connections = 4;         ///< half of them for reads
};

struct KeysConfig {
  /// "file:PATH", "pkcs11:...", "exec:PATH", "env:NAME", "credential:NAME"
  std::string master = "file:keyfob.key";
  std::vector<std::string> also{};   ///< further master keys that are accepted while nodes roll from one to the next
  std::uint32_t reseal_rate = 2000;  ///< records moved to a new data key per second
};

enum class RefreshMode : std::uint8_t { on_demand, always_fresh };
enum class SpoolMode : std::uint8_t { on_failure, always };

/// How often an attempt of unknown outcome is tried again (docs/spec/refresh.md). Not configurable.
inline constexpr Milliseconds kRecoveryInterval = seconds(1);
/// How long a pair stays in the spool after its commit with spool = "always" (docs/spec/spool.md). Not configurable.
inline constexpr Milliseconds kSpoolFor = minutes(10);

struct RefreshConfig {
  Milliseconds min_validity = seconds(60);  ///< a token with less left is not handed out without trying to refresh
  Milliseconds ahead = minutes(5);          ///< refreshed in the background from here on while callers use it
  RefreshMode mode = RefreshMode::on_demand;
  Milliseconds keep_alive = days(7);        ///< idle grants are refreshed this long before their refresh token ends
  Milliseconds lease = seconds(15);         ///< L
  Milliseconds timeout = seconds(10);       ///< T
  Milliseconds min_interval = seconds(30);  ///< a token rotated less than this ago is not rotated because of a 401
  std::uint32_t max_rate = 50;              ///< background refreshes per second and application
  SpoolMode spool = SpoolMode::on_failure;  ///< always: pairs of the last kSpoolFor stay there
};

enum class OutagePolicy : std::uint8_t { serve, refuse };

struct CacheConfig {
  std::uint64_t max_entries = 1'000'000;
  Milliseconds max_staleness = seconds(2);
  OutagePolicy on_store_outage = OutagePolicy::serve;
};

struct UpstreamConfig {
  Milliseconds timeout = seconds(310);         ///< for a whole answer: a live vehicle call can take minutes
  Milliseconds connect_timeout = seconds(10);  ///< name, connection and TLS handshake
  std::string ca_file{};                       ///< PEM file of further trusted roots
  bool remember_retry_after = false;           ///< a vehicle's 429 is answered here until its Retry-After has passed
  std::string proxy{};                         ///< "http://proxy:3128"
};

struct EventsConfig {
  std::string url{};     ///< empty: no outbound notifications
  std::string secret{};  ///< reference: "file:PATH" or "env:NAME"; the key of Keyfob-Signature
};

/// One kind of answer that means "this refresh token is refused". Empty fields match anything.
struct DeadGrantConfig {
  int status = 0;
  std::string error{};
  std::string description_prefix{};
};

/// An answer of the API that asks for the owner: shown as the grant's attention.
struct AttentionConfig {
  int status = 0;
  std::string member{};
  std::string value{};
};

/// [audit]
struct AuditConfig {
  Milliseconds retention{};  ///< 0: records are kept for ever
};

/// [console]
struct ConsoleConfig {
  bool enabled = true;
  Milliseconds idle = minutes(30);    ///< a session without a request ends
  Milliseconds lifetime = hours(12);  ///< every session ends
};

enum class LogFormat : std::uint8_t { text, json };
enum class LogLevel : std::uint8_t { debug, info, warning, error };

/// [log]
struct LogConfig {
  LogFormat format = LogFormat::text;
  LogLevel level = LogLevel::info;  ///< the one setting that SIGHUP changes at once
};

/// A route of a provider; the words are those of the reference, checked here, mapped by the composition root.
struct RouteConfig {
  std::string match;
  std::string origin;
  std::string credential = "user";  ///< user, application, management, client, none
  std::string scheme = "bearer";    ///< bearer, basic
  std::vector<std::string> methods{};
  std::string permission = "gateway";
  std::vector<std::pair<std::string, std::string>> inject{};
  bool needs_user = false;
  std::string when{};  ///< "", v3_credentials, no_v3_credentials
};

/// [providers.NAME]: what differs from the built-in profile of that name, or a provider of one's own. An empty optional
/// leaves the profile's value. A provider of one's own always has token_url and reuse_window.
struct ProviderConfig {
  std::string name;
  bool built_in = false;
  std::optional<std::string> all_origins{};  ///< every URL of the profile on this origin
  std::optional<std::string> authorize_url{};
  std::optional<std::string> token_url{};
  std::optional<std::string> app_token_url{};
  std::optional<std::string> revocation_url{};
  std::optional<std::string> client_auth{};      ///< basic, body, query
  std::optional<std::string> app_client_auth{};  ///< basic, body, query
  std::optional<std::string> rotation{};         ///< required, optional
  std::optional<std::string> user_agent{};
  std::optional<bool> pkce{};
  std::optional<bool> late_reuse{};
  std::optional<Milliseconds> access_ttl{};
  std::optional<Milliseconds> app_token_ttl{};
  std::optional<Milliseconds> refresh_ttl{};
  std::optional<Milliseconds> reuse_window{};  ///< W
  std::optional<std::vector<DeadGrantConfig>> dead_grant{};
  std::optional<std::vector<AttentionConfig>> attention{};
  std::optional<std::vector<std::pair<std::string, std::string>>> authorize_params{};
  std::optional<std::string> user_url{};
  std::optional<std::string> user_field{};
  std::optional<std::string> vehicles_url{};
  std::optional<std::string> vehicles_field{};
  std::optional<std::vector<RouteConfig>> routes{};  ///< replaces all routes of a built-in profile
};

struct Config {
  ServerConfig server{};
  NodeConfig node{};
  StoreConfig store{};
  KeysConfig keys{};
  RefreshConfig refresh{};
  CacheConfig cache{};
  AuditConfig audit{};
  ConsoleConfig console{};
  LogConfig log{};
  UpstreamConfig upstream{};
  EventsConfig events{};
  std::vector<ProviderConfig> providers{};
  std::vector<std::string> warnings{};  ///< accepted, but the operator should know; one line each
};

}  // namespace keyfob::config
