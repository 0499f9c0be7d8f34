#pragma once
// The framing that the relay itself writes: Content-Length lines and chunks.

#include <array>
#include <charconv>
#include <cstddef>
#include <string_view>

#include "http/gather.hpp"

namespace keyfob::http {

inline constexpr std::string_view kChunkedLine = "Transfer-Encoding: chunked\r\n";
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

/// "Content-Length: 5\r\n" in inline storage.
class LengthLine {
 public:
  std::string_view set(std::size_t length) {
    constexpr std::string_view kName = "Content-Length: ";
    kName.copy(text_.data(), kName.size());
    char* end = std::to_chars(text_.data() + kName.size(), text_.data() + text_.size() - 2, length).ptr;
    *end++ = '\r';
    *end++ = '\n';
    return {text_.data(), static_cast<std::size_t>(end - text_.data())};
  }

 private:
  std::array<char, 48> text_;
};

/// Storage for the size line of one chunk, alive until it is written.
using ChunkFrame = std::array<char, 24>;

struct BodyPiece {
  std::string_view data;
  bool chunked = false;
  bool last = false;
};

/// Adds a piece of a body, as a chunk of its own where that is the framing.
inline void add_piece(Gather& out, ChunkFrame& frame, const BodyPiece& piece) {
  if (piece.chunked && !piece.data.empty()) {
    char* end = std::to_chars(frame.data(), frame.data() + frame.size() - 2, piece.data.size(), 16).ptr;
    *end++ = '\r';
    *end++ = '\n';
    out.add({frame.data(), static_cast<std::size_t>(end - frame.data())});
  }
  out.add(piece.data);
  if (!piece.chunked) return;
  if (!piece.data.empty()) out.add("\r\n");
  if (piece.last) out.add(kLastChunk);
}

}  // namespace keyfob::http
