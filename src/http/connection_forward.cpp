// From forward() to the response's head.

#include <array>
#include <charconv>

#include "http/connection.hpp"
#include "http/framing.hpp"
#include "http/gather.hpp"
#include "http/relay_heads.hpp"

namespace keyfob::http {
namespace {

/// Interim responses before the final one.
constexpr unsigned kMostInterim = 16;

}  // namespace

void Connection::forward(Origin& origin) {
  if (!may_act()) return;
  leave_upstream(false);
  if (ticket_ != 0) worker_.target()->revoke(std::exchange(ticket_, 0));
  origin_ = &origin;
  outcome_.forwarded = true;
  addresses_tried_ = 0;
  resent_ = false;
  if (streaming_) return fail_upstream(UpstreamFailure::unreachable);
  if (!body_complete() && scratch_->request.content_length.value_or(0) <= worker_.limits().replay_bytes) {
    return collect(Purpose::origin);
  }
  streaming_ = !body_complete();
  if (streaming_) send_continue();
  enter(Phase::forwarding, worker_.shared().config.upstream.connect);
}

Origin::Wanted Connection::wanted_connection() const {
  if (resent_) return Origin::Wanted::fresh;
  const bool harmless = is_idempotent(scratch_->request.method) && !streaming_;
  return harmless ? Origin::Wanted::any : Origin::Wanted::verified;
}

bool Connection::forward_more() {
  if (upstream_ == nullptr && !reach_origin()) return true;
  if (upstream_->resolving()) return false;
  if (upstream_->broken()) return upstream_gone();
  if (!request_sent_ && !send_request()) return upstream_gone();
  if (!opened_ && upstream_->stream().state() == Stream::State::open) {
    opened_ = true;
    expect_within(worker_.shared().config.upstream.response);
  }
  if (streaming_ && !body_->finished() && !pump_request()) return true;
  return read_response_head();
}

bool Connection::reach_origin() {
  request_sent_ = false;
  opened_ = false;
  origin_lags_ = streaming_;
  caller_lags_ = false;
  response_began_ = false;
  interim_ = 0;
  auto acquired = origin_->acquire(*this, wanted_connection());
  if (!acquired) {
    fail_upstream(acquired.error());
    return false;
  }
  upstream_ = std::move(*acquired);
  return true;
}

bool Connection::send_request() {
  const RequestHead& head = scratch_->request;
  const std::string_view body = body_text();
  LengthLine length;
  std::string_view framing;
  if (head.chunked) framing = streaming_ ? kChunkedLine : length.set(body.size());
  Gather out;
  gather_request(out,
                 {head, origin_->host_line(), scratch_->inject, framing, worker_.shared().config.private_prefixes});
  ChunkFrame frame;
  add_piece(out, frame, {.data = body, .chunked = streaming_ && head.chunked, .last = false});
  request_sent_ = true;
  return upstream_->stream().send(out.parts());
}

bool Connection::pump_request() {
  Stream& to = upstream_->stream();
  while (to.can_write() && !to.pending() && !body_->finished()) {
    if (body_in_->empty()) {
      const IoStatus status = read_more(body_in_);
      if (status == IoStatus::blocked) {
        if (std::exchange(origin_lags_, false)) expect_within(worker_.limits().body);
        return true;
      }
      if (status != IoStatus::ok) {
        die();
        return false;
      }
    }
    const BodyReader::Piece piece = body_->take(body_in_->bytes());
    if (piece.malformed) {
      // Before the response has begun it can still be said what was wrong.
      if (phase_ == Phase::forwarding) {
        refuse(400, "malformed chunked body");
      } else {
        die();
      }
      return false;
    }
    Gather out;
    ChunkFrame frame;
    add_piece(out, frame, {piece.data, scratch_->request.chunked, body_->finished()});
    static_cast<void>(to.send(out.parts()));
    body_in_->consume(piece.consumed);
    const UpstreamLimits& limits = worker_.shared().config.upstream;
    origin_lags_ = to.pending();
    const Milliseconds next_turn = origin_lags_ ? limits.write : worker_.limits().body;
    expect_within(body_->finished() ? limits.response : next_turn);
  }
  return true;
}

bool Connection::read_response_head() {
  Buffer& in = upstream_->in();
  for (;;) {
    if (!in.empty()) {
      response_began_ = true;
      const ScanResult result = scan_response(in.text(), {}, scratch_->response);
      if (result.status == ScanStatus::complete) {
        if (scratch_->response.status >= 200) return response_head_complete();
        if (!pass_interim()) return true;
        continue;
      }
      if (result.status == ScanStatus::refused) {
        fail_upstream(UpstreamFailure::malformed);
        return true;
      }
    }
    if (in.space().empty()) in.compact();
    const IoResult result = upstream_->stream().read(in);
    if (result.status == IoStatus::ok) continue;
    return result.status != IoStatus::blocked && upstream_gone();
  }
}

bool Connection::response_head_complete() {
  scratch_->inject.clear();
  response_.emplace(scratch_->response, scratch_->request.method == Method::head);
  phase_ = Phase::held;
  conversation_->on_response(*this, scratch_->response);
  return true;
}

bool Connection::pass_interim() {
  const ResponseHead& head = scratch_->response;
  if (head.status == 101 || ++interim_ > kMostInterim) {
    fail_upstream(UpstreamFailure::malformed);
    return false;
  }
  // 100 answers an Expect that never crossed; the caller has had ours. No other is worth memory of ours.
  if (head.status != 100 && !stream_.pending()) {
    HeaderBlock nothing;
    Gather out;
    gather_response(out, {head, nothing, {}, false, worker_.shared().config.private_prefixes});
    static_cast<void>(stream_.send(out.parts()));
  }
  upstream_->in().consume(head.size());
  return true;
}

bool Connection::upstream_gone() {
  const bool never_opened = upstream_->never_opened();
  const bool stale = upstream_->reused() && !response_began_ && !resent_;
  const bool unsent = !upstream_->stream().has_sent();
  leave_upstream(false);
  if (never_opened && ++addresses_tried_ < origin_->addresses()) return true;
  if (stale && !streaming_ && (unsent || is_idempotent(scratch_->request.method))) {
    resent_ = true;
    return true;
  }
  fail_upstream(UpstreamFailure::unreachable);
  return true;
}

void Connection::fail_upstream(UpstreamFailure failure) {
  leave_upstream(false);
  if (ticket_ != 0) worker_.target()->revoke(std::exchange(ticket_, 0));
  scratch_->inject.clear();
  phase_ = Phase::deciding;
  conversation_->on_failure(*this, failure);
}

void Connection::forward_timed_out() {
  const bool callers_turn = opened_ && streaming_ && !body_->finished() && !upstream_->stream().pending();
  if (callers_turn) {
    refuse(408, "the body did not arrive in time");
  } else {
    fail_upstream(UpstreamFailure::timeout);
  }
}

void Connection::leave_upstream(bool reusable) {
  if (upstream_ == nullptr) return;
  if (reusable && upstream_->stream().both_open()) {
    origin_->release(std::move(upstream_));
  } else {
    origin_->discard(std::move(upstream_));
  }
}

}  // namespace keyfob::http
