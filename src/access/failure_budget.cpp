#include "access/failure_budget.hpp"

#include <algorithm>
#include <span>

#include "crypto/random.hpp"

namespace keyfob::access {
namespace {

/// Without the port; of an IPv6 address the first four groups as they are written, which is at least its /64.
std::string_view address_of(std::string_view peer) {
  if (!peer.starts_with('[')) return peer.substr(0, peer.rfind(':'));
  const std::string_view address = peer.substr(1, peer.find(']') - 1);
  std::size_t end = 0;
  for (int group = 0; group < 4; ++group) {
    const std::size_t colon = address.find(':', end);
    if (colon == std::string_view::npos) return address;
    if (colon + 1 < address.size() && address[colon + 1] == ':') return address.substr(0, colon);
    end = colon + 1;
  }
  return address.substr(0, end - 1);
}

bool is_counted(std::string_view peer) {
  return !peer.empty() && !peer.starts_with("127.") && !peer.starts_with("[::1]") && !peer.starts_with("unix:") &&
         !peer.starts_with("[::ffff:127.");
}

}  // namespace

FailureBudget::FailureBudget() : seed_(0) {
  crypto::random_bytes({reinterpret_cast<std::uint8_t*>(&seed_), sizeof seed_});
}

std::size_t FailureBudget::slot_of(std::string_view address) const noexcept {
  std::uint64_t hash = seed_;
  for (const char c : address) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x9e3779b97f4a7c15ULL;
    hash ^= hash >> 29U;
  }
  return hash % kSlots;
}

bool FailureBudget::spent(std::string_view peer, BootTime now) const noexcept {
  if (!is_counted(peer)) return false;
  const std::int64_t full_again = until_[slot_of(address_of(peer))].load(std::memory_order_relaxed);
  return full_again - now.time_since_epoch().count() >= kInterval.count() * kBurst;
}

void FailureBudget::failed(std::string_view peer, BootTime now) noexcept {
  if (!is_counted(peer)) return;
  auto& slot = until_[slot_of(address_of(peer))];
  std::int64_t before = slot.load(std::memory_order_relaxed);
  const std::int64_t present = now.time_since_epoch().count();
  while (
      !slot.compare_exchange_weak(before, std::max(before, present) + kInterval.count(), std::memory_order_relaxed)) {
  }
}

}  // namespace keyfob::access
