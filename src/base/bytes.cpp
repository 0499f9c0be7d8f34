#include "base/bytes.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace keyfob {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";
constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kBase64Url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string encode64(ByteView bytes, std::string_view alphabet, bool pad) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t v = static_cast<std::uint32_t>(bytes[i]) << 16U;
    if (left > 1) v |= static_cast<std::uint32_t>(bytes[i + 1]) << 8U;
    if (left > 2) v |= bytes[i + 2];
    for (std::size_t k = 0; k <= left; ++k) out += alphabet[(v >> (18U - 6U * k)) & 63U];
    if (pad) out.append(3 - left, '=');
  }
  return out;
}

}  // namespace

ByteView as_bytes(std::string_view text) { return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}; }

std::string_view as_text(ByteView bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

Bytes to_bytes(std::string_view text) { return {text.begin(), text.end()}; }

std::string to_hex(ByteView bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const std::uint8_t b : bytes) {
    out += kHex[b >> 4U];
    out += kHex[b & 15U];
  }
  return out;
}

std::optional<Bytes> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  Bytes out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_digit(text[i]);
    const int low = hex_digit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out.push_back(static_cast<std::uint8_t>(high * 16 + low));
  }
  return out;
}

std::string to_base64(ByteView bytes) { return encode64(bytes, kBase64, true); }

std::string to_base64url(ByteView bytes) { return encode64(bytes, kBase64Url, false); }

std::optional<Bytes> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  while (!text.empty() && text.back() == '=' && text.size() % 4 != 2) text.remove_suffix(1);
  if (text.size() % 4 == 1) return std::nullopt;
  Bytes out;
  out.reserve(text.size() / 4 * 3 + 2);  // growing would leave pieces of a decoded key on the heap
  std::uint32_t v = 0;
  unsigned bits = 0;
  for (const char c : text) {
    const auto at = kBase64.find(c);
    if (at == std::string_view::npos) return std::nullopt;
    v = (v << 6U) | static_cast<std::uint32_t>(at);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out.push_back(static_cast<std::uint8_t>((v >> bits) & 255U));
    }
  }
  if ((v & ((1U << bits) - 1U)) != 0) return std::nullopt;
  return out;
}

bool equal_constant_time(ByteView a, ByteView b) {
  const std::size_t both = std::min(a.size(), b.size());
  const ByteView longer = a.size() < b.size() ? b : a;
  std::uint64_t difference = a.size() == b.size() ? 0U : 1U;
  std::size_t i = 0;
  for (; i + sizeof(std::uint64_t) <= both; i += sizeof(std::uint64_t)) {
    std::uint64_t x = 0;
    std::uint64_t y = 0;
    std::memcpy(&x, a.data() + i, sizeof(x));
    std::memcpy(&y, b.data() + i, sizeof(y));
    difference |= x ^ y;
  }
  for (; i < both; ++i) difference |= static_cast<std::uint64_t>(a[i] ^ b[i]);
  for (; i < longer.size(); ++i) difference |= longer[i];
  volatile std::uint64_t result = difference;
  return result == 0;
}

void wipe(void* data, std::size_t size) {
  if (data == nullptr || size == 0) return;
  explicit_bzero(data, size);
}

}  // namespace keyfob
