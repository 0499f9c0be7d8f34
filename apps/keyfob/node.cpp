#include "apps/keyfob/node.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <utility>

#include "api/access_facts.hpp"
#include "apps/keyfob/event_thread.hpp"
#include "apps/keyfob/node_audit.hpp"
#include "apps/keyfob/open_ports.hpp"
#include "apps/keyfob/profiles.hpp"
#include "apps/keyfob/provider_clients.hpp"
#include "apps/keyfob/secret_ref.hpp"
#include "apps/keyfob/system_clock.hpp"
#include "keys/key_file.hpp"
#include "spool/file_spool.hpp"
#include "telemetry/event_tee.hpp"

namespace keyfob::node {
namespace {

constexpr Milliseconds kLastPatience = seconds(1);
constexpr Milliseconds kDirectoryLook = Milliseconds(200);

engine::EngineConfig engine_config(const config::Config& config) {
  engine::EngineConfig e;
  e.min_validity = config.refresh.min_validity;
  e.ahead = config.refresh.ahead;
  e.always_fresh = config.refresh.mode == config::RefreshMode::always_fresh;
  e.keep_alive = config.refresh.keep_alive;
  e.lease = config.refresh.lease;
  e.timeout = config.refresh.timeout;
  e.recovery_interval = config::kRecoveryInterval;
  e.min_interval = config.refresh.min_interval;
  e.max_rate = config.refresh.max_rate;
  if (config.refresh.spool == config::SpoolMode::always) e.spool_for = config::kSpoolFor;
  e.cache_entries = config.cache.max_entries;
  e.max_staleness = config.cache.max_staleness;
  e.reseal.max_rate = config.keys.reseal_rate;
  e.refuse_on_store_outage = config.cache.on_store_outage == config::OutagePolicy::refuse;
  return e;
}

/// [events]: a reference as the command line has it, but for "file:" instead of "@".
Result<void> read_events(const config::EventsConfig& events, engine::EngineConfig& settings) {
  if (events.url.empty()) return {};
  constexpr std::string_view kFile = "file:";
  const bool in_file = events.secret.starts_with(kFile);
  auto secret = cli::read_secret(in_file ? "@" + events.secret.substr(kFile.size()) : events.secret, "[events] secret");
  if (!secret) return fail(secret.error());
  settings.events_url = events.url;
  settings.events_secret = std::move(*secret);
  return {};
}

engine::Directory::Profiles shared_profiles(const oauth::ProfileTable& table) {
  engine::Directory::Profiles out;
  for (const auto& [name, profile] : table) out.emplace(name, std::make_shared<const ProviderProfile>(profile));
  return out;
}

Result<std::unique_ptr<FileSpool>> open_spool(const std::filesystem::path& folder, Metrics& metrics) {
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return fail(ErrorCode::unavailable, "cannot make " + folder.string() + ": " + std::strerror(errno),
                "the spool has to be writable before a token may be refreshed");
  SpoolOptions options;
  options.metrics = &metrics;
  return FileSpool::open(folder.string(), options);
}

std::unordered_map<std::uint32_t, std::string> unix_callers(const config::ServerConfig& server) {
  std::unordered_map<std::uint32_t, std::string> out;
  for (const auto& [uid, caller] : server.unix_callers)
    out.emplace(static_cast<std::uint32_t>(std::stoul(uid)), caller);
  return out;
}

/// Members stand in the order of their needs: what is below uses what is above. The threads' contexts outlive
/// everything that may still post to them.
class ComposedNode final : public Node {
 public:
  ComposedNode(NodeState state, NodeSurroundings surroundings, const config::ServerConfig& server)
      : state_(std::move(state)),
        surroundings_(std::move(surroundings)),
        gate_(clock_, {static_cast<std::uint32_t>(::geteuid()), 0U}, unix_callers(server)),
        events_({&surroundings_.events, &recorder_}) {}
  ~ComposedNode() override;

  Result<void> open(const config::Config& config);
  Result<void> load() override;
  Result<void> start() override;
  void stop(Milliseconds patience) override;
  http::Response handle(http::Request request, std::shared_ptr<const Admission> admission) override;

  api::Api& api() override { return *api_; }
  access::Gate& gate() override { return gate_; }
  engine::Engine& engine() override { return *engine_; }
  RequestLog* requests() override { return surroundings_.requests; }
  AuditLog* audit() override { return audit_->log(); }
  const Clock& clock() const override { return clock_; }
  const NodeState& state() const override { return state_; }
  asio::any_io_executor background() override { return background_.executor(); }

 private:
  Result<void> open_parts(const config::Config& config, const oauth::ProfileTable& profiles);
  Result<void> open_masters(const config::KeysConfig& keys);
  Task<Result<api::Rewrapped>> rewrap(std::string reference);
  Result<void> make_engine(const config::Config& config, const oauth::ProfileTable& profiles);
  void make_api();
  void report_spool_damage();
  Task<Result<void>> load_directory();
  void update_gate();
  Task<void> follow_directory();

  NodeState state_;
  NodeSurroundings surroundings_;
  SystemClock clock_;
  SystemRandom random_;
  access::Gate gate_;
  audit::EventRecorder recorder_;
  telemetry::EventTee events_;
  EventThread engine_thread_;
  EventThread background_;
  std::unique_ptr<KeyProvider> master_;
  std::vector<std::unique_ptr<KeyProvider>> other_masters_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<FileSpool> spool_;
  std::unique_ptr<ProviderClients> clients_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<NodeAudit> audit_;
  std::unique_ptr<api::Api> api_;
  std::uint64_t seen_directory_ = 0;  // engine thread only
  bool running_ = false;
  bool recorded_ = false;  ///< the last audit entries were written
};

Result<void> ComposedNode::open(const config::Config& config) {
  auto profiles = make_profiles(config);
  if (!profiles) return fail(profiles.error());
  if (auto opened = open_parts(config, *profiles); !opened) return opened;
  if (auto made = make_engine(config, *profiles); !made) return made;
  const bool proceed = config.cache.on_store_outage == config::OutagePolicy::serve;
  audit_ = std::make_unique<NodeAudit>(*store_, clock_, state_,
                                       NodeAuditOptions{proceed, config.audit.retention, &surroundings_.metrics});
  return {};
}

Result<void> ComposedNode::open_parts(const config::Config& config, const oauth::ProfileTable& profiles) {
  if (auto opened = open_masters(config.keys); !opened) return opened;
  auto store = surroundings_.mirror == nullptr
                   ? open_store(config.store, false, &surroundings_.metrics)
                   : open_mirrored(state_.paths().working_copy(), *surroundings_.mirror, &surroundings_.metrics);
  if (!store) return fail(store.error());
  store_ = std::move(*store);
  auto spool = open_spool(state_.paths().spool(), surroundings_.metrics);
  if (!spool) return fail(spool.error());
  spool_ = std::move(*spool);
  report_spool_damage();
  auto clients = ProviderClients::open(config.upstream, profiles, clock_);
  if (!clients) return fail(clients.error());
  clients_ = std::move(*clients);
  return {};
}

Result<void> ComposedNode::open_masters(const config::KeysConfig& keys) {
  auto master = open_master_key(keys.master);
  if (!master) return fail(master.error());
  master_ = std::move(*master);
  for (const std::string& reference : keys.also) {
    auto other = open_master_key(reference);
    if (!other) return fail(other.error());
    other_masters_.push_back(std::move(*other));
  }
  return {};
}

/// A key file that is not there is made; any other master key has to be there.
Task<Result<api::Rewrapped>> ComposedNode::rewrap(std::string reference) {
  constexpr std::string_view kFile = "file:";
  api::Rewrapped done;
  if (reference.starts_with(kFile)) {
    const auto made = keys::create_key_file(reference.substr(kFile.size()));
    if (!made && made.error().code != ErrorCode::conflict) co_return fail(made.error());
    done.created = made.has_value();
  }
  auto next = open_master_key(reference);
  if (!next) co_return fail(next.error());
  other_masters_.push_back(std::move(*next));
  KeyProvider& provider = *other_masters_.back();
  const Result<std::size_t> count = co_await engine_->directory().rewrap(provider);
  if (!count) co_return fail(count.error());
  done.keys = *count;
  done.fingerprint = provider.fingerprint();
  co_return done;
}

void ComposedNode::report_spool_damage() {
  const auto cells = spool_->damaged();
  if (cells.empty() || !surroundings_.complain) return;
  surroundings_.complain(fmt::format(
      "{} damaged in the spool {}/spool (cell {}): a pair that the store lacks may have been there. It is left as it "
      "is; grants whose pair it was are asked for again inside the provider's reuse window and need consent after it. "
      "Keep a copy of the file; once `keyfob status` shows no pair in the spool, stop keyfob and remove the file",
      cells.size() == 1 ? "1 place is" : fmt::format("{} places are", cells.size()), state_.paths().spool().string(),
      fmt::join(cells, ", ")));
}

Result<void> ComposedNode::make_engine(const config::Config& config, const oauth::ProfileTable& profiles) {
  auto settings = engine_config(config);
  if (auto read = read_events(config.events, settings); !read) return read;
  auto& s = *store_;
  std::vector<KeyProvider*> others;
  for (const auto& other : other_masters_) others.push_back(other.get());
  const engine::EnginePorts ports{s,
                                  s,
                                  s,
                                  s,
                                  s,
                                  s,
                                  s,
                                  s,
                                  s,
                                  s,
                                  s,
                                  clients_->endpoint(),
                                  clients_->api(),
                                  *spool_,
                                  *master_,
                                  clock_,
                                  random_,
                                  events_,
                                  surroundings_.metrics,
                                  {&s, &s, &s, others},
                                  &s,
                                  &clients_->post(),
                                  {&s, &s, &clients_->connections()},
                                  &s};
  auto make = [&]() -> Task<void> {
    engine_ = std::make_unique<engine::Engine>(engine_thread_.executor(), ports, settings, state_.identity(),
                                               shared_profiles(profiles));
    co_return;
  };
  engine_thread_.wait_for(make());
  return {};
}

void ComposedNode::make_api() {
  api::ApiOptions options;
  options.version = KEYFOB_VERSION;
  options.ready = surroundings_.ready;
  options.draining = surroundings_.draining;
  options.requests = surroundings_.requests;
  options.metrics = surroundings_.metrics_text;
  options.access_changed = [this] { update_gate(); };
  options.rewrap = [this](std::string reference) { return rewrap(std::move(reference)); };
  options.audit = audit_->log();
  options.audit_reader = audit_->reader();
  api_ = std::make_unique<api::Api>(*engine_, gate_, clock_, std::move(options));
}

void ComposedNode::update_gate() {
  const auto directory = engine_->directory().snapshot();
  seen_directory_ = directory->revision;
  gate_.update(access::AccessTable(api::access_facts(*directory)));
}

/// Other nodes change callers and applications, too; the engine learns of it and this passes it on.
Task<void> ComposedNode::follow_directory() {
  for (;;) {
    co_await clock_.sleep(kDirectoryLook);
    if (engine_->directory().revision() != seen_directory_) update_gate();
  }
}

/// The trail needs a key out of the directory, and the API the trail.
Task<Result<void>> ComposedNode::load_directory() {
  auto loaded = co_await engine_->load();
  if (!loaded) co_return loaded;
  update_gate();
  auto recorded = co_await audit_->start(engine_thread_.executor(), engine_->directory());
  if (!recorded) co_return recorded;
  recorder_.record_to(audit_->log());
  if (api_ == nullptr) make_api();
  co_return Result<void>();
}

Result<void> ComposedNode::load() { return engine_thread_.wait_for(load_directory()); }

Result<void> ComposedNode::start() {
  if (auto loaded = load(); !loaded) return loaded;
  auto started = engine_thread_.wait_for(engine_->start());
  if (!started) return started;
  if (auto* notices = notices_of(*store_)) notices->on_change([this] { engine_->look_for_changes(); });
  running_ = true;
  auto follow = [this]() -> Task<void> {
    update_gate();
    asio::co_spawn(engine_thread_.executor(), follow_directory(), [](const std::exception_ptr&) {});
    co_return;
  };
  engine_thread_.wait_for(follow());
  return {};
}

void ComposedNode::stop(Milliseconds patience) {
  if (std::exchange(running_, false)) engine_thread_.wait_for(engine_->stop(patience));
  if (audit_ != nullptr && !std::exchange(recorded_, true)) engine_thread_.wait_for(audit_->stop(patience));
}

http::Response ComposedNode::handle(http::Request request, std::shared_ptr<const Admission> admission) {
  return background_.wait_for(api_->handle(std::move(request), std::move(admission)));
}

/// Whatever still waits is destroyed before what it refers to: first the answers that are on their way (store, spool),
/// then the coroutines, then the engine.
ComposedNode::~ComposedNode() {
  stop(kLastPatience);
  background_.stop();
  engine_thread_.stop();
  store_.reset();
  spool_.reset();
  background_.close();
  engine_thread_.close();
  api_.reset();
  recorder_.record_to(nullptr);
  audit_.reset();
  engine_.reset();
}

}  // namespace

Result<std::unique_ptr<Node>> Node::open(const config::Config& config, NodeState state, NodeSurroundings surroundings) {
  auto node = std::make_unique<ComposedNode>(std::move(state), std::move(surroundings), config.server);
  if (auto opened = node->open(config); !opened) return fail(opened.error());
  return node;
}

}  // namespace keyfob::node
