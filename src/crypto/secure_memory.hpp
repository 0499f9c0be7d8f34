#pragma once
// SecureBytes: raw key bytes on OpenSSL's secure heap (locked into memory, guard pages, never in a core dump), wiped
// before they are freed. Without init_secure_heap() the ordinary heap is used, wiped all the same.

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace keyfob::crypto {

enum class SecureHeap : std::uint8_t {
  locked,    ///< cannot be swapped out
  unlocked,  ///< guarded and undumpable, but RLIMIT_MEMLOCK did not let it be locked
};

/// Called by apps before the first key; later calls change nothing and answer the same. `size` in bytes, a power of
/// two. unavailable: the kernel gave no memory.
[[nodiscard]] Result<SecureHeap> init_secure_heap(std::size_t size = std::size_t{4} << 20U);

/// Fixed-size bytes; move-only; thread-compatible. Throws std::bad_alloc when the secure heap is full.
class SecureBytes {
 public:
  SecureBytes() = default;
  explicit SecureBytes(std::size_t size);  ///< zeroed
  explicit SecureBytes(ByteView content);
  SecureBytes(SecureBytes&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  SecureBytes& operator=(SecureBytes&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  SecureBytes(const SecureBytes&) = delete;
  SecureBytes& operator=(const SecureBytes&) = delete;
  ~SecureBytes();

  [[nodiscard]] std::span<std::uint8_t> bytes() { return {data_, size_}; }
  [[nodiscard]] ByteView bytes() const { return {data_, size_}; }

 private:
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace keyfob::crypto
