#pragma once
// BodyReader: finds the end of a message body and the data in it, whatever its framing (RFC 9112 section 6). Sans-I/O.

#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

#include "http/chunk_decoder.hpp"
#include "http/head_scanner.hpp"

namespace keyfob::http {

class BodyReader {
 public:
  enum class Framing : std::uint8_t { none, length, chunked, until_close };
  struct Piece {
    std::string_view data{};   ///< inside the given bytes
    std::size_t consumed = 0;  ///< bytes that are done with once `data` is
    bool malformed = false;
  };

  BodyReader() = default;
  explicit BodyReader(const RequestHead& head);
  /// `to_head`: the response answers a HEAD request.
  BodyReader(const ResponseHead& head, bool to_head);

  /// Takes what `bytes` hold of the body. Data of several chunks is moved together inside `bytes`.
  [[nodiscard]] Piece take(std::span<char> bytes);
  [[nodiscard]] bool finished() const { return finished_; }
  [[nodiscard]] Framing framing() const { return framing_; }
  /// The peer has closed. False: it promised more.
  [[nodiscard]] bool end_by_close();

 private:
  [[nodiscard]] Piece take_chunks(std::span<char> bytes);

  Framing framing_ = Framing::none;
  bool finished_ = true;
  std::uint64_t left_ = 0;
  ChunkDecoder chunks_;
};

}  // namespace keyfob::http
