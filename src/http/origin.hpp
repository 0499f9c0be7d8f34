#pragma once
// Origin: one upstream origin as a thread sees it: its addresses and its pool of keep-alive connections.

#include <netinet/in.h>

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "http/exchange.hpp"
#include "http/limits.hpp"
#include "http/stream.hpp"

namespace keyfob::http {

/// What all origins of a thread share. Outlives them.
struct UpstreamContext {
  EventLoop& loop;
  BufferPool& buffers;
  const UpstreamLimits& limits;
  std::shared_ptr<TlsContext> tls;
  boost::asio::any_io_executor background;
  std::atomic<std::uint64_t> connections{0};  ///< open now; written by the loop thread alone
};

/// A socket address of either family.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

class UpstreamConnection;

/// Whoever uses an upstream connection at the moment.
class UpstreamUser {
 public:
  /// Something may have changed: opened, readable, writable, broken. May give the connection back.
  virtual void on_upstream() = 0;

 protected:
  ~UpstreamUser() = default;
};

/// One connection to an origin. Used by one exchange at a time.
class UpstreamConnection final : private Stream::Owner, private Deadline {
 public:
  explicit UpstreamConnection(Origin& origin);
  virtual ~UpstreamConnection() = default;

  [[nodiscard]] Stream& stream() { return stream_; }
  [[nodiscard]] Buffer& in();
  [[nodiscard]] bool reused() const { return reused_; }
  /// Waiting for the origin's name to be resolved: nothing can be sent yet.
  [[nodiscard]] bool resolving() const { return resolving_; }
  /// Neither open nor on the way to it.
  [[nodiscard]] bool broken() const;
  /// Broken before it was ever open, so nothing was sent.
  [[nodiscard]] bool never_opened() const { return !was_open_; }
  /// Nothing was read that is not consumed.
  [[nodiscard]] bool drained() const { return in_ == nullptr || in_->empty(); }

 private:
  friend class Origin;
  void on_stream() override;
  void on_deadline() override;
  void connect_now();
  void resolved(bool found);
  void read_while_idle();

  Origin& origin_;
  Stream stream_;
  UpstreamUser* user_ = nullptr;
  BufferPtr in_;
  bool reused_ = false;
  bool resolving_ = false;
  bool was_open_ = false;
};
using UpstreamPtr = std::unique_ptr<UpstreamConnection>;

/// Loop thread only, except that resolution happens elsewhere.
class Origin {
 public:
  enum class Wanted : std::uint8_t {
    any,       ///< a pooled connection or a new one
    verified,  ///< a pooled one only after asking the kernel whether it still stands
    fresh,     ///< a new one
  };

  Origin(UpstreamContext& context, std::string host, std::uint16_t port, bool tls);
  ~Origin();
  Origin(const Origin&) = delete;
  Origin& operator=(const Origin&) = delete;

  /// busy: the limit is reached; unreachable: no socket can be made.
  [[nodiscard]] std::expected<UpstreamPtr, UpstreamFailure> acquire(UpstreamUser& user, Wanted wanted);
  /// Back into the pool; only when request and response are over and the connection may be kept.
  void release(UpstreamPtr connection);
  /// Of no more use. Safe from within the connection's own callback.
  void discard(UpstreamPtr connection);

  [[nodiscard]] std::string_view host_line() const { return host_line_; }  ///< "Host: api.example\r\n"
  [[nodiscard]] std::size_t addresses() const { return addresses_.size(); }

 private:
  friend class UpstreamConnection;
  void resolve();
  void on_resolved(std::vector<SocketAddress> found);
  void count_open(bool opened);
  void forget_idle(UpstreamConnection& connection);
  /// The address just tried did not answer: the next connection takes the next one.
  void address_failed() { ++next_address_; }

  UpstreamContext& context_;
  std::string host_;
  std::uint16_t port_;
  bool tls_;
  std::string host_line_;
  std::vector<SocketAddress> addresses_;
  std::size_t next_address_ = 0;
  BootTime resolved_at_{};
  bool numeric_ = false;
  bool resolving_ = false;
  std::size_t open_ = 0;
  std::vector<UpstreamPtr> idle_;
  std::vector<UpstreamConnection*> waiting_;  ///< for the name
  std::shared_ptr<Origin*> self_;             ///< nulled by the destructor; answers of the resolver look through it
};

}  // namespace keyfob::http
