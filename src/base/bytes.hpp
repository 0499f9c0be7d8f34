#pragma once
// Bytes: unsigned byte strings and their text forms (lower-case hex, base64, base64url without padding).

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace keyfob {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

[[nodiscard]] ByteView as_bytes(std::string_view text);
[[nodiscard]] std::string_view as_text(ByteView bytes);
[[nodiscard]] Bytes to_bytes(std::string_view text);

[[nodiscard]] std::string to_hex(ByteView bytes);
[[nodiscard]] std::optional<Bytes> from_hex(std::string_view text);
[[nodiscard]] std::string to_base64(ByteView bytes);
[[nodiscard]] std::optional<Bytes> from_base64(std::string_view text);
[[nodiscard]] std::string to_base64url(ByteView bytes);

/// Constant-time equality in the length of the longer input; the lengths themselves are not hidden.
[[nodiscard]] bool equal_constant_time(ByteView a, ByteView b);

/// Overwrites memory in a way the compiler may not remove.
void wipe(void* data, std::size_t size);

}  // namespace keyfob
