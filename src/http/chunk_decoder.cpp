#include "http/chunk_decoder.hpp"

#include <algorithm>

#include "http/char_class.hpp"

namespace keyfob::http {
namespace {

bool is_text(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte >= 0x20 && byte != 0x7f) || c == '\t';
}

std::uint64_t hex_value(char c) { return static_cast<std::uint64_t>(c <= '9' ? c - '0' : to_lower(c) - 'a' + 10); }

}  // namespace

ChunkDecoder::Step ChunkDecoder::step(std::string_view in) {
  std::size_t at = 0;
  while (at < in.size()) {
    if (state_ == State::data) {
      const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, in.size() - at));
      left_ -= size;
      if (left_ == 0) state_ = State::data_return;
      return {Status::data, at + size, in.substr(at, size)};
    }
    state_ = next(in[at]);
    if (state_ == State::malformed) return {Status::malformed, at, {}};
    ++at;
    if (state_ == State::finished) return {Status::finished, at, {}};
  }
  return {Status::need_more, at, {}};
}

ChunkDecoder::State ChunkDecoder::next(char c) {
  switch (state_) {
    case State::size_start:
      extra_ = 0;
      left_ = 0;
      if (!is_in(c, kHexChar)) return State::malformed;
      left_ = hex_value(c);
      return State::size;
    case State::size: return after_size(c);
    case State::extension_start:
    case State::extension_name:
    case State::extension_value_start:
    case State::extension_value:
    case State::extension_quoted:
    case State::extension_escaped:
    case State::extension_end: return in_extension(c);
    case State::size_line_feed:
      if (c != '\n') return State::malformed;
      extra_ = 0;
      return left_ == 0 ? State::trailer_start : State::data;
    case State::data_return: return c == '\r' ? State::data_line_feed : State::malformed;
    case State::data_line_feed: return c == '\n' ? State::size_start : State::malformed;
    case State::trailer_start:
    case State::trailer_name:
    case State::trailer:
    case State::trailer_line_feed: return in_trailer(c);
    case State::last_line_feed: return c == '\n' ? State::finished : State::malformed;
    default: return State::malformed;
  }
}

ChunkDecoder::State ChunkDecoder::after_size(char c) {
  if (c == '\r') return State::size_line_feed;
  if (c == ';') return State::extension_start;
  if (!is_in(c, kHexChar)) return State::malformed;
  left_ = left_ * 16 + hex_value(c);
  // Leading zeros do not make a number large, but they make a line long.
  return left_ <= kMaxChunk && ++extra_ < 16 ? State::size : State::malformed;
}

ChunkDecoder::State ChunkDecoder::after_extension(char c) const {
  if (c == '\r') return State::size_line_feed;
  return c == ';' ? State::extension_start : State::malformed;
}

/// RFC 9112 section 7.1.1, with white space behind the semicolon only.
ChunkDecoder::State ChunkDecoder::in_extension(char c) {
  if (c != '\r' && ++extra_ > kMaxExtensionBytes) return State::malformed;
  const bool token = is_in(c, kTokenChar);
  switch (state_) {
    case State::extension_start:
      if (c == ' ' || c == '\t') return State::extension_start;
      return token ? State::extension_name : State::malformed;
    case State::extension_name:
      if (token) return State::extension_name;
      return c == '=' ? State::extension_value_start : after_extension(c);
    case State::extension_value_start:
      if (c == '"') return State::extension_quoted;
      return token ? State::extension_value : State::malformed;
    case State::extension_value: return token ? State::extension_value : after_extension(c);
    case State::extension_quoted:
      if (c == '"') return State::extension_end;
      if (c == '\\') return State::extension_escaped;
      return is_text(c) ? State::extension_quoted : State::malformed;
    case State::extension_escaped: return is_text(c) ? State::extension_quoted : State::malformed;
    default: return after_extension(c);
  }
}

ChunkDecoder::State ChunkDecoder::in_trailer(char c) {
  if (++extra_ > kMaxTrailerBytes) return State::malformed;
  if (state_ == State::trailer_line_feed) return c == '\n' ? State::trailer_start : State::malformed;
  const bool token = is_in(c, kTokenChar);
  if (state_ == State::trailer_start) {
    if (c == '\r') return State::last_line_feed;
    return token ? State::trailer_name : State::malformed;
  }
  if (state_ == State::trailer_name) {
    if (c == ':') return State::trailer;
    return token ? State::trailer_name : State::malformed;
  }
  if (c == '\r') return State::trailer_line_feed;
  return is_text(c) ? State::trailer : State::malformed;
}

}  // namespace keyfob::http
