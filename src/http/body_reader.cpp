#include "http/body_reader.hpp"

#include <algorithm>
#include <cstring>

namespace keyfob::http {

BodyReader::BodyReader(const RequestHead& head) {
  if (!head.has_body()) return;
  framing_ = head.chunked ? Framing::chunked : Framing::length;
  left_ = head.content_length.value_or(0);
  finished_ = false;
}

BodyReader::BodyReader(const ResponseHead& head, bool to_head) {
  if (to_head || head.status < 200 || head.status == 204 || head.status == 304) return;
  if (head.chunked) {
    framing_ = Framing::chunked;
  } else if (head.content_length) {
    framing_ = Framing::length;
    left_ = *head.content_length;
  } else {
    framing_ = Framing::until_close;
  }
  finished_ = framing_ == Framing::length && left_ == 0;
}

BodyReader::Piece BodyReader::take(std::span<char> bytes) {
  if (finished_) return {};
  if (framing_ == Framing::chunked) return take_chunks(bytes);
  auto size = bytes.size();
  if (framing_ == Framing::length) {
    size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, size));
    left_ -= size;
    finished_ = left_ == 0;
  }
  return {{bytes.data(), size}, size, false};
}

BodyReader::Piece BodyReader::take_chunks(std::span<char> bytes) {
  char* data = nullptr;
  std::size_t size = 0;
  std::size_t at = 0;
  for (;;) {
    const ChunkDecoder::Step step = chunks_.step({bytes.data() + at, bytes.size() - at});
    at += step.consumed;
    if (step.status == ChunkDecoder::Status::malformed) return {{}, at, true};
    if (step.status != ChunkDecoder::Status::data) {
      finished_ = step.status == ChunkDecoder::Status::finished;
      return {{data, size}, at, false};
    }
    if (data == nullptr) {
      data = bytes.data() + (step.data.data() - bytes.data());
    } else {
      std::memmove(data + size, step.data.data(), step.data.size());
    }
    size += step.data.size();
  }
}

bool BodyReader::end_by_close() {
  if (framing_ == Framing::until_close) finished_ = true;
  return finished_;
}

}  // namespace keyfob::http
