#pragma once
// WipedString: a growing text buffer for bytes on their way to or from the wire. Unlike SecretOf it can be appended to;
// unlike std::string every block it ever used is overwritten before it is freed.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace keyfob {

/// Standard allocator that overwrites memory before it frees it. Stateless.
template <class T>
struct WipingAllocator {
  using value_type = T;
  WipingAllocator() = default;
  template <class U>
  explicit(false) WipingAllocator(const WipingAllocator<U>&) noexcept {}

  [[nodiscard]] T* allocate(std::size_t n) { return std::allocator<T>{}.allocate(n); }
  void deallocate(T* data, std::size_t n) noexcept {
    wipe(data, n * sizeof(T));
    std::allocator<T>{}.deallocate(data, n);
  }
  friend bool operator==(const WipingAllocator&, const WipingAllocator&) { return true; }
};

/// Texts of up to 15 bytes live in the object itself (small-string storage) and are not wiped: make one with
/// wiped_string(), which reserves enough to rule that out.
using WipedString = std::basic_string<char, std::char_traits<char>, WipingAllocator<char>>;

[[nodiscard]] inline WipedString wiped_string(std::string_view text = {}, std::size_t reserve = 64) {
  WipedString out;
  out.reserve(text.size() > reserve ? text.size() : reserve);
  out.append(text);
  return out;
}

}  // namespace keyfob
