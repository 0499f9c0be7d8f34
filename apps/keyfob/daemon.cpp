#include "apps/keyfob/daemon.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio.hpp>
#include <csignal>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "apps/keyfob/admin_socket.hpp"
#include "apps/keyfob/hardening.hpp"
#include "apps/keyfob/listeners.hpp"
#include "apps/keyfob/node.hpp"
#include "apps/keyfob/open_ports.hpp"
#include "apps/keyfob/system_clock.hpp"
#include "apps/keyfob/terminal.hpp"
#include "config/parse.hpp"
#include "http/certificate.hpp"
#include "store/sqlite/backup.hpp"
#include "store/sqlite/damage.hpp"
#include "telemetry/event_tee.hpp"
#include "telemetry/log.hpp"
#include "telemetry/metric_help.hpp"
#include "telemetry/prometheus_metrics.hpp"
#include "telemetry/request_lines.hpp"

namespace keyfob::node {
namespace {

using telemetry::LogLevel;

constexpr int kTries = 50;
constexpr std::chrono::milliseconds kBetween{100};

LogLevel level_of(const config::LogConfig& log, bool verbose) {
  if (verbose) return LogLevel::debug;
  switch (log.level) {
    case config::LogLevel::debug: return LogLevel::debug;
    case config::LogLevel::info: return LogLevel::info;
    case config::LogLevel::warning: return LogLevel::warning;
    case config::LogLevel::error: return LogLevel::error;
  }
  return LogLevel::info;
}

/// Logs, metrics and events of one daemon, before anything that uses them.
class Observers {
 public:
  static Result<std::unique_ptr<Observers>> open(const config::LogConfig& log_config, bool verbose) {
    telemetry::LogOptions options;
    options.level = level_of(log_config, verbose);
    const bool json = log_config.format == config::LogFormat::json;
    options.format = json ? telemetry::LogFormat::json : telemetry::LogFormat::human;
    auto log = telemetry::Log::open(options);
    if (!log) return fail(log.error());
    return std::make_unique<Observers>(std::move(*log));
  }
  explicit Observers(std::unique_ptr<telemetry::Log> log)
      : log_(std::move(log)), lines_(*log_), counter_(metrics_), events_({&lines_, &counter_}), requests_(*log_, [] {
          return SystemClock().boot();
        }) {}

  [[nodiscard]] telemetry::Log& log() { return *log_; }
  [[nodiscard]] telemetry::PrometheusMetrics& metrics() { return metrics_; }
  [[nodiscard]] EventSink& events() { return events_; }
  [[nodiscard]] RequestLog& requests() { return requests_; }

 private:
  std::unique_ptr<telemetry::Log> log_;
  telemetry::PrometheusMetrics metrics_;
  telemetry::LogSink lines_;
  telemetry::EventCounter counter_;
  telemetry::EventTee events_;
  telemetry::RequestLines requests_;
};

/// As many descriptors as this user may have: connections are what the daemon is made of.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

/// A command may hold the directory for a moment; a daemon does not let go of it.
Result<NodeState> take_state(const std::string& dir) {
  for (int tries = 0;; ++tries) {
    auto state = NodeState::open(dir);
    const bool in_use = !state && state.error().code == ErrorCode::conflict;
    if (!in_use || tries == kTries || cli::AdminSocket::connect(StatePaths{dir}.admin_socket())) return state;
    std::this_thread::sleep_for(kBetween);
  }
}

/// What the configuration asks for and this version does not do. Better said than found out.
std::vector<std::string> not_built_yet(const config::Config& config) {
  std::vector<std::string> out;
  if (!config.upstream.proxy.empty())
    out.emplace_back("upstream.proxy serves the token endpoint only: calls through the gateway go directly");
  return out;
}

class Daemon {
 public:
  explicit Daemon(ServeRequest request) : request_(std::move(request)) {}
  Result<void> run();

 private:
  Result<void> open();
  Result<void> serve();
  void look_for_damage();
  void note_certificate();
  void announce();
  std::string metrics_text();
  void wait_for_signal();
  void reload();
  void drain();

  ServeRequest request_;
  std::atomic<bool> ready_ = false;
  std::atomic<bool> draining_ = false;
  std::atomic<bool> listening_ = false;  ///< from then on listeners_ is there
  asio::io_context signals_{1};
  std::unique_ptr<Observers> observers_;
  std::unique_ptr<Node> node_;
  std::unique_ptr<Listeners> listeners_;
  std::optional<sqlite::DamageSearch> damage_search_;
  std::mutex counted_mutex_;
  std::uint64_t counted_connections_ = 0;  ///< of those accepted; guarded
};

Result<void> Daemon::open() {
  auto observers = Observers::open(request_.config.log, request_.verbose);
  if (!observers) return fail(observers.error());
  observers_ = std::move(*observers);
  for (const auto& warning : request_.config.warnings) observers_->log().write(LogLevel::warning, warning);
  for (const auto& warning : not_built_yet(request_.config)) observers_->log().write(LogLevel::warning, warning);
  telemetry::start_at_zero(observers_->metrics());
  observers_->metrics().gauge("keyfob_build_info", 1, "version=" KEYFOB_VERSION);
  auto state = take_state(request_.config.node.state_dir);
  if (!state) return fail(state.error());
  NodeSurroundings surroundings{observers_->events(), observers_->metrics()};
  surroundings.ready = [this] { return ready_.load(std::memory_order_relaxed); };
  surroundings.requests = &observers_->requests();
  surroundings.draining = [this] { return draining_.load(std::memory_order_relaxed); };
  surroundings.metrics_text = [this] { return metrics_text(); };
  surroundings.complain = [this](const std::string& what) { observers_->log().write(LogLevel::error, what); };
  auto node = Node::open(request_.config, std::move(*state), std::move(surroundings));
  if (!node) return fail(node.error());
  node_ = std::move(*node);
  return {};
}

Result<void> Daemon::serve() {
  // Recovery comes before the first request, so before the first socket.
  if (auto started = node_->start(); !started) return started;
  // Connections may wait in an inherited socket's queue already: what comes first is answered like everything else.
  ready_ = true;
  auto listeners = Listeners::open(request_.config, *node_, observers_->metrics());
  if (!listeners) return fail(listeners.error());
  listeners_ = std::move(*listeners);
  listening_.store(true, std::memory_order_release);
  observers_->metrics().gauge("keyfob_event_loop", 1, fmt::format("kind={}", listeners_->event_loop()));
  note_certificate();
  look_for_damage();
  return {};
}

void Daemon::look_for_damage() {
  const std::string path = sqlite_path(request_.config.store);
  if (path.empty()) return;
  if (const auto copied = sqlite::copied_at(path); copied && *copied)
    observers_->log().write(
        LogLevel::warning,
        fmt::format(
            "this store was restored from a backup taken at {}: refresh tokens that were used since then are "
            "dead. Never serve it while the original still runs. `keyfob doctor --probe` says which grants live",
            to_rfc3339(**copied)));
  auto report = [this, path](const std::vector<std::string>& found) {
    observers_->log().write(
        LogLevel::error,
        fmt::format("the store {} is damaged: {}. Nothing was changed; grants whose records are whole are served. Stop "
                    "keyfob, keep a copy of the file, and restore a backup, or what `sqlite3 {} .recover` saves",
                    path, fmt::join(found, "; "), path));
  };
  damage_search_.emplace(path, std::move(report));
}

void Daemon::note_certificate() {
  if (!request_.config.server.tls) return;
  const auto ends = http::certificate_ends(request_.config.server.tls->certificate);
  if (!ends) return;
  const double when = static_cast<double>(to_unix_ms(*ends)) / 1000.0;
  observers_->metrics().gauge("tls_certificate_expiry_timestamp_seconds", when, {});
}

/// What others count is taken when it is asked for.
std::string Daemon::metrics_text() {
  telemetry::PrometheusMetrics& metrics = observers_->metrics();
  if (listening_.load(std::memory_order_acquire)) {
    const http::ServerStats now = listeners_->stats();
    const std::scoped_lock lock(counted_mutex_);
    const std::uint64_t before = std::exchange(counted_connections_, std::max(counted_connections_, now.accepted));
    metrics.count("connections_accepted", {}, static_cast<double>(counted_connections_ - before));
    metrics.gauge("connections", static_cast<double>(now.connections), {});
    metrics.gauge("upstream_connections", static_cast<double>(now.upstream_connections), {});
  }
  return metrics.text();
}

void Daemon::announce() {
  const auto& identity = node_->state().identity();
  observers_->log().write(LogLevel::debug, "node started",
                          {{"node", identity.id.view()},
                           {"incarnation", std::to_string(identity.incarnation.value())},
                           {"admin_socket", node_->state().paths().admin_socket().native()}});
  cli::print_error(fmt::format("keyfob listening on {}\n", fmt::join(listeners_->urls(), ", ")));
}

void Daemon::reload() {
  auto config = config::load_config(request_.config_file);
  if (!config) {
    observers_->log().write(LogLevel::error, "the configuration is kept as it is: " + config.error().what);
    return;
  }
  observers_->log().set_level(level_of(config->log, request_.verbose));
  observers_->log().write(LogLevel::info,
                          "configuration read and found good; log.level changed at once, the rest at a restart");
  if (auto loaded = node_->load(); !loaded)
    observers_->log().write(LogLevel::error, "applications and callers are kept as they were: " + loaded.error().what);
}

void Daemon::wait_for_signal() {
  asio::signal_set set(signals_, SIGTERM, SIGINT, SIGHUP);
  for (bool again = true; again;) {
    set.async_wait([&](const boost::system::error_code& failure, int number) { again = !failure && number == SIGHUP; });
    signals_.run();
    signals_.restart();
    if (again) reload();
  }
  // From here on a second signal ends the process at once: the default action is back.
}

void Daemon::drain() {
  draining_ = true;
  observers_->log().write(LogLevel::info, "draining");
  std::this_thread::sleep_for(request_.config.server.drain_delay);
  const bool clean = listeners_->drain(request_.config.server.drain_timeout);
  ready_ = false;
  node_->stop(request_.config.server.drain_timeout);
  observers_->log().write(LogLevel::info, clean ? "stopped" : "stopped; some requests had to be cut");
  listeners_.reset();
  node_.reset();
}

Result<void> Daemon::run() {
  raise_descriptor_limit();
  give_up_privileges();
  if (auto opened = open(); !opened) return opened;
  if (auto serving = serve(); !serving) return serving;
  announce();
  wait_for_signal();
  drain();
  return {};
}

}  // namespace

Result<void> serve(ServeRequest request) { return Daemon(std::move(request)).run(); }

}  // namespace keyfob::node
