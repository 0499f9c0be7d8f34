#include "http/connection.hpp"

namespace keyfob::http {
namespace {

constexpr Milliseconds kLinger = seconds(2);
constexpr Milliseconds kParting = seconds(1);  // how long an idle connection is still listened to while draining

}  // namespace

Connection::Connection(WorkerCore& worker, Peer peer)
    : worker_(worker), peer_(std::move(peer)), stream_(worker.loop(), *this) {}

Connection::~Connection() = default;

bool Connection::open(int fd, const TlsContext* tls) {
  if (!stream_.adopt(fd, tls)) return false;
  enter(Phase::opening, worker_.limits().head);
  if (tls == nullptr) drive();
  return true;
}

void Connection::enter(Phase phase, Milliseconds limit) {
  phase_ = phase;
  expect_within(limit);
}

void Connection::expect_within(Milliseconds limit) { worker_.loop().wheel().set(*this, worker_.loop().now() + limit); }

bool Connection::may_act() const {
  return phase_ == Phase::deciding || phase_ == Phase::held || phase_ == Phase::calling;
}

void Connection::drain() {
  close_after_ = true;
  // A request may be on its way already: it is answered, and told that it was the last.
  if (phase_ == Phase::idle || phase_ == Phase::opening) expect_within(kParting);
}

void Connection::resume(Later::Act& act) {
  ticket_ = 0;
  if (may_act()) act(*this);
  drive();
}

void Connection::drive() {
  if (driving_) return;
  driving_ = true;
  while (step()) {
  }
  driving_ = false;
}

bool Connection::step() {
  if (phase_ == Phase::closed) return false;
  if (!stream_.can_write() || stream_.hung_up()) {
    die();
    return false;
  }
  switch (phase_) {
    case Phase::opening: return finish_opening();
    case Phase::idle:
    case Phase::head: return read_head();
    case Phase::collecting: return collect_more();
    case Phase::forwarding: return forward_more();
    case Phase::relaying: return relay_more();
    case Phase::finishing: return finish();
    case Phase::lingering: return linger();
    default: return false;
  }
}

void Connection::on_deadline() {
  switch (phase_) {
    case Phase::head:
    case Phase::collecting: refuse(408, "the request did not arrive in time"); break;
    case Phase::calling: refuse(504, "no answer in time"); break;
    case Phase::deciding:
    case Phase::held: fail_upstream(UpstreamFailure::timeout); break;
    case Phase::forwarding: forward_timed_out(); break;
    default: die(); break;
  }
  drive();
}

bool Connection::finish_opening() {
  if (stream_.state() != Stream::State::open) return false;
  peer_.certificate_name = stream_.tls_peer_name();
  conversation_ = worker_.service().converse(peer_);
  enter(Phase::idle, worker_.draining() ? kParting : worker_.limits().idle);
  return true;
}

IoStatus Connection::read_more(BufferPtr& into) {
  if (into == nullptr) into = worker_.buffers().take();
  if (into->space().empty()) into->compact();
  return stream_.read(*into).status;
}

bool Connection::read_head() {
  for (;;) {
    if (in_ != nullptr && !in_->empty()) {
      if (scratch_ == nullptr) scratch_ = worker_.take_scratch();
      const HeadLimits limits{worker_.limits().head_bytes, worker_.limits().fields};
      const ScanResult result = scan_request(in_->text(), limits, scratch_->request);
      if (result.status == ScanStatus::complete) {
        begin_exchange();
        return true;
      }
      if (result.status == ScanStatus::refused) {
        refuse(status_of(result.fault), to_string(result.fault));
        return true;
      }
    }
    const IoStatus status = read_more(in_);
    if (status == IoStatus::ok) continue;
    if (status == IoStatus::blocked) {
      wait_for_head();
    } else {
      die();
    }
    return false;
  }
}

void Connection::wait_for_head() {
  if (!in_->empty()) {
    if (phase_ == Phase::idle) enter(Phase::head, worker_.limits().head);
    return;
  }
  in_.reset();
  if (scratch_ != nullptr) worker_.give_scratch(std::move(scratch_));
}

void Connection::begin_exchange() {
  const RequestHead& head = scratch_->request;
  worker_.count_request();
  in_exchange_ = true;
  outcome_ = {};
  began_at_ = worker_.loop().now();
  awaiting_continue_ = head.expect_continue && head.has_body();
  close_after_ = head.close || worker_.draining();
  place_body();
  phase_ = Phase::deciding;
  conversation_->on_request(*this);
}

void Connection::place_body() {
  const RequestHead& head = scratch_->request;
  body_in_head_ = {};
  if (!head.has_body()) return;
  const std::string_view behind = in_->text().substr(head.size());
  if (!head.chunked && behind.size() >= *head.content_length) {
    body_in_head_ = behind.substr(0, static_cast<std::size_t>(*head.content_length));
    return;
  }
  body_.emplace(head);
  body_in_ = worker_.buffers().take();
  std::copy(behind.begin(), behind.end(), body_in_->space().begin());
  body_in_->filled(behind.size());
  in_->drop_back(behind.size());
}

void Connection::end_exchange(bool complete) {
  if (!in_exchange_) return;
  in_exchange_ = false;
  outcome_.complete = complete;
  if (ticket_ != 0) worker_.target()->revoke(std::exchange(ticket_, 0));
  leave_upstream(false);
  outcome_.sample = scratch_->sample.view();
  outcome_.duration = worker_.loop().now() - began_at_;
  conversation_->on_end(outcome_);
  if (body_in_ != nullptr) {
    in_ = std::move(body_in_);
  } else {
    in_->consume(scratch_->request.size() + body_in_head_.size());
  }
  body_in_head_ = {};
  body_.reset();
  response_.reset();
  streaming_ = false;
  wipe(collected_.data(), collected_.size());
  collected_.clear();
  if (collected_.capacity() > Buffer::kCapacity) collected_ = WipedString();
  scratch_->inject.clear();
  scratch_->add.clear();
  scratch_->sample.clear();
}

bool Connection::finish() {
  if (stream_.pending()) {
    if (stream_.take_progress()) expect_within(worker_.limits().write);
    return false;
  }
  const bool all_read = in_exchange_ && body_complete();
  end_exchange(true);
  if (!close_after_ && all_read) {
    enter(Phase::idle, worker_.limits().idle);
    return true;
  }
  stream_.finish();
  enter(Phase::lingering, kLinger);
  return true;
}

bool Connection::linger() {
  for (;;) {
    if (in_ != nullptr) in_->clear();
    const IoStatus status = read_more(in_);
    if (status == IoStatus::ok) continue;
    if (status != IoStatus::blocked) die();
    return false;
  }
}

void Connection::die() {
  if (phase_ == Phase::closed) return;
  phase_ = Phase::closed;
  end_exchange(false);
  DeadlineWheel::clear(*this);
  stream_.close();
  worker_.bury(*this);
}

}  // namespace keyfob::http
