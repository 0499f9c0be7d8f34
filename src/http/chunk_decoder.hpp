#pragma once
// Strict, sans-I/O decoder of the chunked transfer coding (RFC 9112 section 7.1). Extensions are checked, bounded and
// dropped, and so are trailers: nothing of a peer's framing crosses the relay, only its data does.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace keyfob::http {

class ChunkDecoder {
 public:
  enum class Status : std::uint8_t { need_more, data, finished, malformed };
  struct Step {
    Status status = Status::need_more;
    std::size_t consumed = 0;  ///< bytes of the input that are done with, `data` included
    std::string_view data{};   ///< of the input, not empty when status is data
  };

  static constexpr std::size_t kMaxExtensionBytes = 256;  ///< in one chunk
  static constexpr std::size_t kMaxTrailerBytes = 8192;
  static constexpr std::uint64_t kMaxChunk = std::uint64_t{1} << 53U;

  /// Looks at the front of `in`. need_more consumes everything; finished and malformed are final.
  [[nodiscard]] Step step(std::string_view in);

 private:
  enum class State : std::uint8_t {
    size_start,
    size,
    extension_start,
    extension_name,
    extension_value_start,
    extension_value,
    extension_quoted,
    extension_escaped,
    extension_end,
    size_line_feed,
    data,
    data_return,
    data_line_feed,
    trailer_start,
    trailer_name,
    trailer,
    trailer_line_feed,
    last_line_feed,
    finished,
    malformed,
  };
  [[nodiscard]] State next(char c);
  [[nodiscard]] State after_size(char c);
  [[nodiscard]] State in_extension(char c);
  [[nodiscard]] State after_extension(char c) const;
  [[nodiscard]] State in_trailer(char c);

  State state_ = State::size_start;
  std::uint64_t left_ = 0;  ///< of the present chunk
  std::size_t extra_ = 0;   ///< extension or trailer bytes so far
};

}  // namespace keyfob::http
