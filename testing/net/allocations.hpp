#pragma once
// Counts heap allocations (operator new) of the program it is linked into, for tests that promise none.

#include <cstdint>

namespace keyfob::testing {

/// Allocations so far by all threads that are not exempt.
[[nodiscard]] std::uint64_t allocations();

/// What this thread allocates does not count: the test's own side.
void exempt_this_thread();

/// False where a sanitizer owns the allocator: nothing is counted then.
[[nodiscard]] bool counts_allocations();

}  // namespace keyfob::testing
