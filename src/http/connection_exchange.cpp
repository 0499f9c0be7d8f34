// The acts of a Conversation that do not involve an origin, and the bodies they need.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "base/bytes.hpp"
#include "http/connection.hpp"
#include "http/gather.hpp"
#include "http/response_head.hpp"

namespace keyfob::http {
namespace {

constexpr std::size_t kJoinedBody = 4096;

Request whole_request(const RequestHead& head, std::string_view body, const Peer& peer) {
  Request request;
  request.method = head.method_name();
  request.target = head.target();
  for (const Field& field : head.fields()) {
    request.headers.push_back({std::string(head.name(field)), std::string(head.value(field))});
  }
  request.body = body;
  request.peer = peer.name;
  request.peer_certificate = peer.certificate_name;
  return request;
}

/// A handler's answer on its way to its connection: it may hold a token, and is wiped whether it is written or not.
class Answered {
 public:
  Answered() = default;
  Answered(Answered&& other) noexcept : response_(std::exchange(other.response_, std::nullopt)) {}
  Answered& operator=(Answered&&) = delete;
  ~Answered() {
    if (response_) wipe(response_->body.data(), response_->body.size());
  }
  void set(Response response) { response_ = std::move(response); }
  void write_to(Exchange& exchange) const {
    if (response_) {
      exchange.respond(*response_);
    } else {
      exchange.respond(Response{.status = 500});
    }
  }

 private:
  std::optional<Response> response_;
};

/// Holds its own copy of the handler: a coroutine lambda must outlive its coroutine, and the server may be gone first.
boost::asio::awaitable<void> answer_later(Handler handler, Request request, Later later) {
  Answered answered;
  try {
    answered.set(co_await handler(std::move(request)));
  } catch (...) {  // nothing to say but 500
  }
  later.resume([answered = std::move(answered)](Exchange& exchange) { answered.write_to(exchange); });
}

}  // namespace

void Connection::respond(const Response& response) {
  const std::string lines = header_lines(response);
  respond(Answer{.status = response.status, .headers = lines, .body = response.body});
}

void Connection::respond(const Answer& answer) {
  if (!may_act()) return;
  write_answer(answer);
}

void Connection::refuse(int status, std::string_view why) {
  close_after_ = true;
  const Response response = worker_.service().refuse(status, why);
  const std::string lines = header_lines(response);
  write_answer({.status = response.status, .headers = lines, .body = response.body});
}

void Connection::write_answer(const Answer& answer) {
  leave_upstream(false);
  if (ticket_ != 0) worker_.target()->revoke(std::exchange(ticket_, 0));
  if (!body_complete() || worker_.draining()) close_after_ = true;
  const bool head_only = in_exchange_ && scratch_->request.method == Method::head;
  std::string& text = worker_.scratch_text();
  write_own_head(text, answer, {worker_.date_line(), close_after_});
  const std::string_view body = head_only ? std::string_view() : answer.body;
  // One plain piece is cheaper to send than two gathered ones. Room first: a body must not leave copies behind.
  const bool joined = body.size() <= kJoinedBody;
  if (joined) {
    text.reserve(text.size() + body.size());
    text += body;
  }
  Gather out;
  out.add(text);
  if (!joined) out.add(body);
  outcome_.status = answer.status;
  enter(Phase::finishing, worker_.limits().write);
  // A failure is seen by the next step.
  static_cast<void>(stream_.send(out.parts()));
  wipe(text.data(), text.size());
}

Later Connection::later() {
  if (ticket_ != 0) worker_.target()->revoke(ticket_);
  ticket_ = worker_.target()->issue(*this);
  expect_within(worker_.limits().handler);
  return {worker_.target(), ticket_};
}

bool Connection::replayable() const {
  return body_complete() && !streaming_ && body_text().size() <= worker_.limits().replay_bytes;
}

std::string_view Connection::body_text() const {
  return body_in_head_.empty() ? std::string_view(collected_) : body_in_head_;
}

void Connection::call(const Handler& handler) {
  if (!may_act()) return;
  leave_upstream(false);
  handler_ = &handler;
  if (body_complete()) {
    run_handler();
  } else if (scratch_->request.content_length.value_or(0) > worker_.limits().body_bytes) {
    refuse(413, "the body is too large");
  } else {
    collect(Purpose::handler);
  }
}

void Connection::run_handler() {
  Request request = whole_request(scratch_->request, body_text(), peer_);
  phase_ = Phase::calling;
  Later back = later();
  boost::asio::co_spawn(worker_.background(), answer_later(*handler_, std::move(request), std::move(back)),
                        boost::asio::detached);
}

void Connection::send_continue() {
  if (!std::exchange(awaiting_continue_, false)) return;
  static_cast<void>(stream_.send(std::string_view("HTTP/1.1 100 Continue\r\n\r\n")));
}

void Connection::collect(Purpose purpose) {
  collect_for_ = purpose;
  enter(Phase::collecting, worker_.limits().body);
  send_continue();
}

bool Connection::collect_more() {
  const Limits& limits = worker_.limits();
  for (;;) {
    if (!body_in_->empty()) {
      const BodyReader::Piece piece = body_->take(body_in_->bytes());
      collected_.append(piece.data);
      body_in_->consume(piece.consumed);
      const bool for_handler = collect_for_ == Purpose::handler;
      if (piece.malformed) {
        refuse(400, "malformed chunked body");
      } else if (for_handler && collected_.size() > limits.body_bytes) {
        refuse(413, "the body is too large");
      } else if (body_->finished() || (!for_handler && collected_.size() > limits.replay_bytes)) {
        use_collected();
      } else {
        continue;
      }
      return true;
    }
    const IoStatus status = read_more(body_in_);
    if (status == IoStatus::ok) {
      expect_within(limits.body);
      continue;
    }
    if (status != IoStatus::blocked) die();
    return false;
  }
}

void Connection::use_collected() {
  if (collect_for_ == Purpose::handler) {
    run_handler();
    return;
  }
  streaming_ = !body_->finished();
  enter(Phase::forwarding, worker_.shared().config.upstream.connect);
}

}  // namespace keyfob::http
