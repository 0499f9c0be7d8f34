#pragma once
// Connection: a caller's connection, and the exchange that is under way on it.
//
// One state machine with one driver: callbacks and the acts of the Conversation only record what is wanted, drive()
// then takes step after step until nothing can move. So an act may be called from anywhere, also from within another.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/wiped_string.hpp"
#include "http/body_reader.hpp"
#include "http/buffer.hpp"
#include "http/exchange.hpp"
#include "http/origin.hpp"
#include "http/worker_core.hpp"

namespace keyfob::http {

class Connection final : public Exchange, private Stream::Owner, private Deadline, private UpstreamUser {
 public:
  Connection(WorkerCore& worker, Peer peer);
  ~Connection() override;

  /// Begins to serve. False: the descriptor could not be watched and is closed.
  [[nodiscard]] bool open(int fd, const TlsContext* tls);
  /// Closes now if it waits for a request, else after the present response.
  void drain();
  /// Closes now, whatever is under way.
  void abort() { die(); }
  /// An act that comes back through Later.
  void resume(Later::Act& act);

  const RequestHead& request() const override { return scratch_->request; }
  const Peer& peer() const override { return peer_; }
  void respond(const Answer& answer) override;
  void respond(const Response& response) override;
  void call(const Handler& handler) override;
  HeaderBlock& inject() override { return scratch_->inject; }
  void forward(Origin& origin) override;
  bool replayable() const override;
  HeaderBlock& add() override { return scratch_->add; }
  void pass() override;
  void sample() override { scratch_->sample.start(); }
  Later later() override;

 private:
  enum class Phase : std::uint8_t {
    opening,     ///< TLS handshake
    idle,        ///< no byte of a request yet
    head,        ///< some bytes of a head
    deciding,    ///< the conversation has the request
    collecting,  ///< reading the body for what comes next (collect_for_)
    calling,     ///< a Handler works
    forwarding,  ///< from forward() to the response's head
    held,        ///< the conversation has the response
    relaying,    ///< the response's body
    finishing,   ///< everything is written, the last bytes are not out yet
    lingering,   ///< closed for writing, reading on so that no reset overtakes the response
    closed,
  };
  enum class Purpose : std::uint8_t { handler, origin };

  void on_stream() override { drive(); }
  void on_upstream() override { drive(); }
  void on_deadline() override;

  void drive();
  [[nodiscard]] bool step();
  void enter(Phase phase, Milliseconds limit);
  void expect_within(Milliseconds limit);
  [[nodiscard]] bool may_act() const;

  // Requests (connection.cpp)
  [[nodiscard]] bool finish_opening();
  [[nodiscard]] bool read_head();
  [[nodiscard]] IoStatus read_more(BufferPtr& into);
  void wait_for_head();
  void begin_exchange();
  void place_body();
  void end_exchange(bool complete);
  [[nodiscard]] bool finish();
  [[nodiscard]] bool linger();
  void die();

  // Bodies and answers (connection_exchange.cpp)
  void refuse(int status, std::string_view why);
  void write_answer(const Answer& answer);
  void collect(Purpose purpose);
  [[nodiscard]] bool collect_more();
  void use_collected();
  void send_continue();
  void run_handler();
  [[nodiscard]] bool body_complete() const { return !body_.has_value() || body_->finished(); }
  [[nodiscard]] std::string_view body_text() const;

  // Forwarding (connection_forward.cpp)
  [[nodiscard]] bool forward_more();
  [[nodiscard]] bool reach_origin();
  [[nodiscard]] bool send_request();
  [[nodiscard]] bool pump_request();
  [[nodiscard]] bool read_response_head();
  [[nodiscard]] bool response_head_complete();
  [[nodiscard]] bool pass_interim();
  [[nodiscard]] bool upstream_gone();
  void fail_upstream(UpstreamFailure failure);
  void leave_upstream(bool reusable);
  void forward_timed_out();
  [[nodiscard]] Origin::Wanted wanted_connection() const;

  // The response (connection_relay.cpp)
  [[nodiscard]] bool relay_more();
  [[nodiscard]] bool relay_piece();
  [[nodiscard]] bool read_response_body();
  void finish_response();
  [[nodiscard]] bool rechunks() const;
  [[nodiscard]] bool threatens_body() const;

  WorkerCore& worker_;
  Peer peer_;
  Stream stream_;
  std::unique_ptr<Conversation> conversation_;
  Phase phase_ = Phase::opening;
  bool driving_ = false;
  bool close_after_ = false;
  bool in_exchange_ = false;
  BufferPtr in_;  ///< the head at its front while an exchange is under way

  // The exchange.
  std::unique_ptr<ExchangeScratch> scratch_;
  Outcome outcome_{};
  BootTime began_at_{};
  std::uint64_t ticket_ = 0;  ///< of an outstanding Later; 0: none
  std::optional<BodyReader> body_;
  BufferPtr body_in_;                ///< body bytes as they came, when they did not all come with the head
  std::string_view body_in_head_{};  ///< the whole body, when it did
  WipedString collected_;
  Purpose collect_for_ = Purpose::handler;
  bool awaiting_continue_ = false;
  const Handler* handler_ = nullptr;

  // Its upstream side.
  Origin* origin_ = nullptr;
  UpstreamPtr upstream_;
  std::optional<BodyReader> response_;
  std::size_t addresses_tried_ = 0;
  bool resent_ = false;          ///< once, after a pooled connection turned out to be stale
  bool request_sent_ = false;    ///< the head, and the body as far as it is in memory
  bool opened_ = false;          ///< the origin is reached: the wait for its response has begun
  bool origin_lags_ = false;     ///< the deadline is for the origin to take what was sent to it
  bool caller_lags_ = false;     ///< the deadline is for the caller to take what was sent to him
  bool streaming_ = false;       ///< the body goes on as it comes and is not kept
  bool response_began_ = false;  ///< bytes of a response have arrived
  unsigned interim_ = 0;         ///< interim responses so far
};

}  // namespace keyfob::http
