#include "testing/net/allocations.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)  // GCC's way of saying so
#define KEYFOB_SANITIZED 1
#elif defined(__has_feature)  // Clang's
#define KEYFOB_SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define KEYFOB_SANITIZED 0
#endif

namespace keyfob::testing {
namespace {

std::atomic<std::uint64_t> counted{0};
thread_local bool exempt = false;

}  // namespace

std::uint64_t allocations() { return counted; }
void exempt_this_thread() { exempt = true; }

#if KEYFOB_SANITIZED
bool counts_allocations() { return false; }
#else
bool counts_allocations() { return true; }

static void* count_and_allocate(std::size_t size) {
  if (!exempt) counted.fetch_add(1, std::memory_order_relaxed);
  if (void* block = std::malloc(size == 0 ? 1 : size)) return block;
  throw std::bad_alloc();
}
#endif

}  // namespace keyfob::testing

#if !KEYFOB_SANITIZED
void* operator new(std::size_t size) { return keyfob::testing::count_and_allocate(size); }
void* operator new[](std::size_t size) { return keyfob::testing::count_and_allocate(size); }
void operator delete(void* block) noexcept { std::free(block); }
void operator delete[](void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }
void operator delete[](void* block, std::size_t) noexcept { std::free(block); }
#endif
