#pragma once
// Service, Conversation and Exchange: what the server asks of the program behind it, and what it offers.
//
// A Service is made once per server thread; it makes a Conversation for each caller's connection. Each request of that
// connection becomes an Exchange, one after the other, in order. Everything here happens on the connection's thread and
// must not block; the only function that may be called from elsewhere is Later::resume.
//
// A Conversation answers every event by exactly one act on the Exchange: respond, call, forward, pass or later.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"
#include "http/head_scanner.hpp"
#include "http/header_block.hpp"
#include "http/message.hpp"

namespace keyfob::http {

class Origin;  ///< per-thread handle of an upstream origin and its connection pool (http/worker.hpp)

/// Who is at the other end of a caller's connection.
struct Peer {
  std::string name;                    ///< "127.0.0.1:5000" or "unix:uid=1000", as in Request::peer
  std::optional<std::uint32_t> uid{};  ///< Unix socket: the peer's uid (SO_PEERCRED)
  std::string certificate_name{};      ///< mTLS: first SAN of the verified certificate
};

/// Why there is no upstream response.
enum class UpstreamFailure : std::uint8_t {
  unreachable,  ///< not resolved, refused, TLS failed, or closed before a response
  timeout,      ///< no response head in time
  malformed,    ///< what came is not a strict HTTP/1.1 response
  busy,         ///< the origin's connection limit is reached
};

/// A whole response made of views; written or copied before respond() returns. Content-Length, Date and Connection are
/// added by the server.
struct Answer {
  int status = 200;
  std::string_view content_type{};  ///< empty: no such header
  std::string_view headers{};       ///< complete lines, each with its CRLF
  std::string_view body{};
};

/// How an exchange ended, for metrics.
struct Outcome {
  int status = 0;  ///< 0: no response was begun
  bool complete = false;
  bool forwarded = false;
  Milliseconds duration{};    ///< from the head's arrival; as fine as the event loop's rounds
  std::string_view sample{};  ///< what Exchange::sample() asked for; gone after on_end
};

class Exchange;

/// The way back to an Exchange for whoever decides asynchronously. Any thread. Copyable; only the first resume counts.
class Later {
 public:
  using Act = std::move_only_function<void(Exchange&)>;
  class Target;
  Later(std::shared_ptr<Target> target, std::uint64_t ticket) : target_(std::move(target)), ticket_(ticket) {}
  /// Runs `act` on the connection's thread, unless the exchange has ended meanwhile (the caller hung up, a time limit
  /// passed, the server stopped): then `act` is destroyed unrun.
  void resume(Act act) const;

 private:
  std::shared_ptr<Target> target_;
  std::uint64_t ticket_;
};

/// One request on its way. Views it hands out are valid until the exchange ends.
class Exchange {
 public:
  virtual ~Exchange() = default;
  [[nodiscard]] virtual const RequestHead& request() const = 0;
  [[nodiscard]] virtual const Peer& peer() const = 0;

  /// Answers with a whole response; the request's body is drained or the connection closed.
  virtual void respond(const Answer& answer) = 0;
  virtual void respond(const Response& response) = 0;
  /// Collects the body (Limits::body_bytes, else 413), runs the handler on the server's background executor and writes
  /// its response. `handler` lives as long as the server. A handler that throws is answered 500.
  virtual void call(const Handler& handler) = 0;

  /// Headers added to the next forward(); emptied and wiped when they have been written.
  [[nodiscard]] virtual HeaderBlock& inject() = 0;
  /// Sends the request to `origin`: request line, body and headers as they came, but Host becomes the origin's;
  /// hop-by-hop fields, Authorization, fields named as one of inject() and those of `origin`'s drop list stay behind.
  /// After on_response it is a replay (allowed when replayable()); the response that was held is dropped.
  virtual void forward(Origin& origin) = 0;
  /// Whether the whole request is still in memory and its body within Limits::replay_bytes.
  [[nodiscard]] virtual bool replayable() const = 0;

  /// Headers added to the response that pass() lets through.
  [[nodiscard]] virtual HeaderBlock& add() = 0;
  /// Lets the upstream response through, streaming. Only after on_response.
  virtual void pass() = 0;
  /// Before pass(): the beginning of the body (up to BodySample::kCapacity bytes, as the origin encoded it) is copied
  /// while it passes, and is in the Outcome. Delays nothing.
  virtual void sample() = 0;

  /// "I will say so later": the exchange waits (Limits::handler, else 504 through on_failure) for Later::resume.
  [[nodiscard]] virtual Later later() = 0;
};

/// The program's side of one caller's connection.
class Conversation {
 public:
  virtual ~Conversation() = default;
  /// A request head has arrived.
  virtual void on_request(Exchange& exchange) = 0;
  /// A final response head has arrived: pass, or replay (at once, or after later()).
  virtual void on_response(Exchange& exchange, const ResponseHead& head) {
    static_cast<void>(head);
    exchange.pass();
  }
  /// forward() did not lead to a response head: respond.
  virtual void on_failure(Exchange& exchange, UpstreamFailure failure) = 0;
  /// The exchange is over, whatever way it went; called once for every on_request.
  virtual void on_end(const Outcome& outcome) { static_cast<void>(outcome); }
};

class Service {
 public:
  virtual ~Service() = default;
  virtual std::unique_ptr<Conversation> converse(const Peer& peer) = 0;
  /// The response to a head that is not strict HTTP/1.1 and to what the server itself must refuse (413, 417, 500, 501).
  /// The connection is closed after it where the protocol demands that.
  virtual Response refuse(int status, std::string_view why) = 0;
};

}  // namespace keyfob::http
