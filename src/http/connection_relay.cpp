// From the response's head to its end.

#include "http/connection.hpp"
#include "http/framing.hpp"
#include "http/gather.hpp"
#include "http/relay_heads.hpp"

namespace keyfob::http {

/// Whether the response's body leaves as chunks: its end is not known beforehand.
bool Connection::rechunks() const {
  return response_->framing() == BodyReader::Framing::chunked ||
         response_->framing() == BodyReader::Framing::until_close;
}

void Connection::pass() {
  if (phase_ != Phase::held || upstream_ == nullptr) return;
  if (ticket_ != 0) worker_.target()->revoke(std::exchange(ticket_, 0));
  const ResponseHead& head = scratch_->response;
  Buffer& in = upstream_->in();
  const BodyReader::Piece piece = response_->take(in.bytes().subspan(head.size()));
  scratch_->sample.take(piece.data);
  if (worker_.draining()) close_after_ = true;
  Gather out;
  gather_response(out, {head, scratch_->add, rechunks() ? kChunkedLine : std::string_view(), close_after_,
                        worker_.shared().config.private_prefixes});
  ChunkFrame frame;
  add_piece(out, frame, {piece.data, rechunks(), response_->finished()});
  outcome_.status = head.status;
  enter(Phase::relaying, worker_.shared().config.upstream.response);
  // Failures are seen by the next step.
  static_cast<void>(stream_.send(out.parts()));
  in.consume(head.size() + piece.consumed);
  if (piece.malformed) die();
}

bool Connection::relay_more() {
  if (streaming_ && !body_->finished() && !pump_request()) return true;
  for (;;) {
    if (stream_.pending()) {
      caller_lags_ = true;
      if (stream_.take_progress()) expect_within(worker_.limits().write);
      return false;
    }
    if (response_->finished()) {
      finish_response();
      return true;
    }
    if (!upstream_->drained()) {
      if (!relay_piece()) return false;
      continue;
    }
    if (!read_response_body()) return false;
  }
}

bool Connection::relay_piece() {
  Buffer& in = upstream_->in();
  const BodyReader::Piece piece = response_->take(in.bytes());
  if (piece.malformed) {
    die();
    return false;
  }
  scratch_->sample.take(piece.data);
  Gather out;
  ChunkFrame frame;
  add_piece(out, frame, {piece.data, rechunks(), response_->finished()});
  const bool sent = stream_.send(out.parts());
  in.consume(piece.consumed);
  const bool waits_for_caller = stream_.pending();
  expect_within(waits_for_caller ? worker_.limits().write : worker_.shared().config.upstream.response);
  if (!sent) die();
  return sent;
}

/// True: there is something to relay, or the body has ended.
bool Connection::read_response_body() {
  const IoResult result = upstream_->stream().read(upstream_->in());
  if (result.status == IoStatus::ok) return true;
  if (result.status == IoStatus::blocked) {
    if (std::exchange(caller_lags_, false)) expect_within(worker_.shared().config.upstream.response);
    return false;
  }
  if (result.status == IoStatus::end && response_->end_by_close()) {
    if (rechunks()) static_cast<void>(stream_.send(kLastChunk));
    return true;
  }
  // The origin promised more: the caller must not take what it has for the whole.
  die();
  return false;
}

/// RFC 9110 section 15.3.5, RFC 9112 section 6.3: these have no body, but this one speaks of one that may yet come.
bool Connection::threatens_body() const {
  const ResponseHead& head = scratch_->response;
  if (head.status == 304) return head.chunked;
  return head.status == 204 && (head.chunked || head.content_length.value_or(0) != 0);
}

void Connection::finish_response() {
  const bool request_over = !streaming_ || body_->finished();
  const bool reusable = request_over && !scratch_->response.close && upstream_->drained() &&
                        response_->framing() != BodyReader::Framing::until_close && !upstream_->stream().pending() &&
                        !threatens_body();
  leave_upstream(reusable);
  if (!request_over) close_after_ = true;
  enter(Phase::finishing, worker_.limits().write);
}

}  // namespace keyfob::http
