#include "http/server.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "http/listener.hpp"
#include "http/worker_core.hpp"

namespace keyfob::http {
namespace {

class ThreadedServer final : public Server {
 public:
  explicit ThreadedServer(ServerConfig config) { shared_.config = std::move(config); }
  ~ThreadedServer() override {
    for (const auto& worker : workers_) worker->stop();
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }

  Result<void> prepare(const ServiceFactory& factory, boost::asio::any_io_executor background);
  void run();

  std::vector<std::string> endpoints() const override { return endpoints_; }
  ServerStats stats() const override;
  std::string_view event_loop() const override { return workers_.front()->loop().name(); }
  bool drain(Milliseconds grace) override;

 private:
  Result<void> load_tls();
  Result<void> make_workers(const ServiceFactory& factory);
  Result<void> bind_all();
  Result<void> bind_one(const std::string& endpoint);
  void worker_ended();

  ServerShared shared_;
  std::vector<std::string> endpoints_;
  std::vector<std::unique_ptr<WorkerCore>> workers_;
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::size_t running_ = 0;
};

Result<void> ThreadedServer::prepare(const ServiceFactory& factory, boost::asio::any_io_executor background) {
  shared_.background = std::move(background);
  if (auto loaded = load_tls(); !loaded) return loaded;
  if (auto made = make_workers(factory); !made) return made;
  return bind_all();
}

Result<void> ThreadedServer::load_tls() {
  if (!shared_.config.ca_file.empty()) {
    if (auto client = shared_.client_tls(); !client) return fail(client.error());
  }
  if (!shared_.config.tls) return {};
  auto server = TlsContext::server(*shared_.config.tls);
  if (!server) return fail(server.error());
  shared_.server_tls = std::move(*server);
  return {};
}

Result<void> ThreadedServer::make_workers(const ServiceFactory& factory) {
  for (std::size_t i = 0; i < std::max<std::size_t>(shared_.config.threads, 1); ++i) {
    auto worker = WorkerCore::create(shared_);
    if (!worker) return fail(worker.error());
    auto service = factory(**worker);
    if (!service) return fail(service.error());
    (*worker)->serve_with(std::move(*service));
    workers_.push_back(std::move(*worker));
  }
  return {};
}

Result<void> ThreadedServer::bind_all() {
  for (const std::string& endpoint : shared_.config.listen) {
    if (auto bound = bind_one(endpoint); !bound) return bound;
  }
  return {};
}

Result<void> ThreadedServer::bind_one(const std::string& endpoint) {
  auto first = bind_listener(endpoint);
  if (!first) return fail(first.error());
  endpoints_.push_back(first->endpoint);
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    int fd = first->fd;
    const bool shared = first->unix_socket || first->inherited;
    if (i != 0 && shared) fd = fcntl(first->fd, F_DUPFD_CLOEXEC, 3);
    if (i != 0 && !shared) {
      auto next = bind_listener(first->endpoint);
      if (!next) return fail(next.error());
      fd = next->fd;
    }
    if (fd < 0 || !workers_[i]->listen(fd, first->unix_socket)) {
      return fail(ErrorCode::unavailable, "cannot listen on " + endpoint, "raise the limit of open files (ulimit -n)");
    }
  }
  return {};
}

void ThreadedServer::run() {
  running_ = workers_.size();
  for (const auto& worker : workers_) {
    threads_.emplace_back([this, &worker] {
      worker->run();
      worker_ended();
    });
  }
}

void ThreadedServer::worker_ended() {
  const std::lock_guard lock(mutex_);
  --running_;
  ended_.notify_all();
}

ServerStats ThreadedServer::stats() const {
  ServerStats stats;
  stats.connections = shared_.connections.load(std::memory_order_relaxed);
  stats.accepted = shared_.accepted.load(std::memory_order_relaxed);
  for (const auto& worker : workers_) {
    stats.requests += worker->requests();
    stats.upstream_connections += worker->upstream_connections();
  }
  return stats;
}

bool ThreadedServer::drain(Milliseconds grace) {
  for (const auto& worker : workers_) {
    worker->mailbox()->post([core = worker.get()] { core->drain(); });
  }
  std::unique_lock lock(mutex_);
  const bool clean = ended_.wait_for(lock, grace, [this] { return running_ == 0; });
  lock.unlock();
  for (const auto& worker : workers_) worker->stop();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
  return clean;
}

}  // namespace

Result<std::unique_ptr<Server>> Server::start(ServerConfig config, const ServiceFactory& factory,
                                              boost::asio::any_io_executor background) {
  auto server = std::make_unique<ThreadedServer>(std::move(config));
  if (auto prepared = server->prepare(factory, std::move(background)); !prepared) return fail(prepared.error());
  server->run();
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace keyfob::http
