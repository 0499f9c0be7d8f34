#pragma once
// The beginning of a compressed body in the clear.

#include <cstddef>
#include <string>
#include <string_view>

namespace keyfob::http {

/// What `bytes`, the beginning of a body under this Content-Encoding, say: at most `limit` bytes of it, less when the
/// beginning is cut. "gzip" (RFC 1952) and "deflate" (RFC 1950, or bare RFC 1951 as some send it) are known, empty and
/// "identity" copy; empty for any other and for what does not decode.
[[nodiscard]] std::string decoded_beginning(std::string_view encoding, std::string_view bytes, std::size_t limit);

}  // namespace keyfob::http
