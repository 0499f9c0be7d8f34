#include "engine/refused_vehicles.hpp"

#include <algorithm>

namespace keyfob::engine {
namespace {

/// A refusal this long after the last wait has ended is a new story.
constexpr Milliseconds kForgotten = RefusedVehicles::kLongest;

std::string key_of(const GrantRef& ref, std::string_view vehicle) {
  std::string key = ref.app.str();
  key += '\n';
  key += ref.grant.view();
  key += '\n';
  key += vehicle;
  return key;
}

}  // namespace

bool RefusedVehicles::may_rotate(const GrantRef& ref, std::string_view vehicle, BootTime now) const {
  if (waiting_.empty()) return true;
  const auto found = waiting_.find(key_of(ref, vehicle));
  return found == waiting_.end() || found->second.until <= now;
}

void RefusedVehicles::refused_again(const GrantRef& ref, std::string_view vehicle, GrantVersion version, BootTime now) {
  if (first_ <= Milliseconds(0)) return;
  make_room(now);
  Wait& wait = waiting_[key_of(ref, vehicle)];
  if (wait.times != 0 && wait.version == version) return;
  if (wait.times != 0 && wait.until + kForgotten < now) wait.times = 0;
  wait.version = version;
  wait.times = std::min(wait.times + 1, 16U);
  const Milliseconds longest = std::max(kLongest, first_);
  wait.until = now + std::min(longest, first_ * (std::int64_t{1} << wait.times));
}

/// What is over goes first; if nothing is, everything does: then rotations are merely not put off for a while.
void RefusedVehicles::make_room(BootTime now) {
  if (waiting_.size() < kMost) return;
  std::erase_if(waiting_, [now](const auto& entry) { return entry.second.until <= now; });
  if (waiting_.size() >= kMost) waiting_.clear();
}

}  // namespace keyfob::engine
