#pragma once
// WorkerCore: one thread of a server: its loop, pools, connections, origins and the Service it asks.

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "http/body_sample.hpp"
#include "http/buffer.hpp"
#include "http/event_loop.hpp"
#include "http/origin.hpp"
#include "http/server.hpp"
#include "http/tls.hpp"
#include "http/worker.hpp"

namespace keyfob::http {

class Connection;
class Listener;

/// What all workers of a server share; read-only while they run, except the counters.
struct ServerShared {
  ServerConfig config;
  std::shared_ptr<TlsContext> server_tls{};
  boost::asio::any_io_executor background{};
  std::atomic<std::uint64_t> connections{0};
  std::atomic<std::uint64_t> accepted{0};

  /// Made when the first https origin is: reading the system's certificates takes a tenth of a second. Any thread.
  Result<std::shared_ptr<TlsContext>> client_tls();

 private:
  std::mutex mutex_;
  std::shared_ptr<TlsContext> client_tls_;
};

/// Scratch of one exchange, pooled so that an idle connection has none.
struct ExchangeScratch {
  RequestHead request;
  ResponseHead response;
  HeaderBlock inject;
  HeaderBlock add;
  BodySample sample;
};

/// Finds an exchange by its ticket: how Later comes back.
class Later::Target {
 public:
  explicit Target(std::shared_ptr<Mailbox> mailbox) : mailbox_(std::move(mailbox)) {}
  void resume(std::uint64_t ticket, Act act, const std::shared_ptr<Target>& self);

  // Loop thread only.
  [[nodiscard]] std::uint64_t issue(Connection& connection);
  void revoke(std::uint64_t ticket) { waiting_.erase(ticket); }

 private:
  void deliver(std::uint64_t ticket, Act& act);

  std::shared_ptr<Mailbox> mailbox_;
  std::uint64_t last_ticket_ = 0;
  std::unordered_map<std::uint64_t, Connection*> waiting_;
};

class WorkerCore final : public Worker {
 public:
  static Result<std::unique_ptr<WorkerCore>> create(ServerShared& shared);
  ~WorkerCore() override;

  Result<Origin*> origin(std::string_view url) override;
  [[nodiscard]] boost::asio::any_io_executor background() const override { return shared_.background; }

  void serve_with(std::unique_ptr<Service> service) { service_ = std::move(service); }
  /// Takes over a listening socket. Before run().
  [[nodiscard]] bool listen(int fd, bool unix_socket);
  void run() { loop_->run(); }
  void stop() { loop_->stop(); }
  /// No new connections; idle ones are closed; the loop stops when the last one has gone. Loop thread.
  void drain();
  /// Any thread.
  [[nodiscard]] const std::shared_ptr<Mailbox>& mailbox() const { return loop_->mailbox(); }

  // For listeners and connections.
  [[nodiscard]] EventLoop& loop() { return *loop_; }
  [[nodiscard]] BufferPool& buffers() { return buffers_; }
  [[nodiscard]] Service& service() { return *service_; }
  [[nodiscard]] ServerShared& shared() { return shared_; }
  [[nodiscard]] const Limits& limits() const { return shared_.config.limits; }
  [[nodiscard]] bool draining() const { return draining_; }
  [[nodiscard]] const std::shared_ptr<Later::Target>& target() const { return target_; }
  [[nodiscard]] std::string_view date_line();
  /// Text being put together; its content is nobody's after the call that fills it.
  [[nodiscard]] std::string& scratch_text() { return scratch_text_; }
  void count_request() { requests_.store(requests_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t requests() const { return requests_.load(std::memory_order_relaxed); }  ///< any thread
  [[nodiscard]] std::uint64_t upstream_connections() const {                                          ///< any thread
    return upstream_.connections.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::unique_ptr<ExchangeScratch> take_scratch();
  void give_scratch(std::unique_ptr<ExchangeScratch> scratch);
  [[nodiscard]] bool full() const;
  /// Something could not be accepted: try again when a connection has gone.
  void starve() { starved_ = true; }
  void adopt(int fd, Peer peer, bool tls);
  void bury(Connection& connection);

 private:
  WorkerCore(ServerShared& shared, std::unique_ptr<EventLoop> loop);
  void resume_listening();

  ServerShared& shared_;
  std::unique_ptr<EventLoop> loop_;
  BufferPool buffers_;
  std::shared_ptr<Later::Target> target_;
  UpstreamContext upstream_;
  std::map<std::string, std::unique_ptr<Origin>, std::less<>> origins_;
  std::unique_ptr<Service> service_;
  std::vector<std::unique_ptr<ExchangeScratch>> scratch_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::unordered_map<Connection*, std::unique_ptr<Connection>> connections_;
  bool draining_ = false;
  bool starved_ = false;
  std::int64_t date_second_ = 0;
  std::string date_line_;
  std::string scratch_text_;
  std::atomic<std::uint64_t> requests_{0};  ///< written by this thread only
};

}  // namespace keyfob::http
