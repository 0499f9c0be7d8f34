#pragma once
// Instance numbers: what a thread keeps of an object is recognised by them; an address may come to be another object's.

#include <atomic>
#include <cstdint>

namespace keyfob {

/// A number that this process has not given before. Any thread.
[[nodiscard]] inline std::uint64_t new_instance_number() {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace keyfob
