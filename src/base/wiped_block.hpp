#pragma once
// Heap memory that knows its own size and is overwritten before it is freed: for memory resources of libraries that do
// not give back the size and alignment that they asked for (Boost.JSON 1.81). Any thread.

#include <cstddef>
#include <cstring>
#include <new>

#include "base/bytes.hpp"

namespace keyfob {

inline constexpr std::size_t kBlockNote = alignof(std::max_align_t);

/// `size` bytes with the strictest ordinary alignment; freed by free_wiped_block. Throws std::bad_alloc.
[[nodiscard]] inline void* new_wiped_block(std::size_t size) {
  auto* const block = static_cast<unsigned char*>(::operator new(kBlockNote + size));
  std::memcpy(block, &size, sizeof(size));
  return block + kBlockNote;
}

inline void free_wiped_block(void* data) noexcept {
  unsigned char* const block = static_cast<unsigned char*>(data) - kBlockNote;
  std::size_t size = 0;
  std::memcpy(&size, block, sizeof(size));
  wipe(data, size);
  ::operator delete(block);
}

}  // namespace keyfob
