#include "gateway/throttled_vehicles.hpp"

#include <algorithm>
#include <charconv>

namespace keyfob::gateway {
namespace {

constexpr Milliseconds kLongest = hours(1);

std::string key_of(const AppId& app, std::string_view vehicle) {
  std::string key = app.str();
  key += '\n';
  key += vehicle;
  return key;
}

}  // namespace

std::optional<Milliseconds> retry_after_seconds(std::string_view value) {
  std::uint32_t number = 0;
  const char* end = value.data() + value.size();
  const auto [at, error] = std::from_chars(value.data(), end, number);
  if (value.empty() || at != end || error == std::errc::invalid_argument) return std::nullopt;
  if (error == std::errc::result_out_of_range) return kLongest;
  return std::min<Milliseconds>(seconds(number), kLongest);
}

void ThrottledVehicles::remember(const AppId& app, std::string_view vehicle, BootTime now, Milliseconds wait) {
  std::string key = key_of(app, vehicle);
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  if (shard.until.size() >= kMost / shards_.size()) {
    std::erase_if(shard.until, [now](const auto& entry) { return entry.second <= now; });
    if (shard.until.size() >= kMost / shards_.size()) shard.until.clear();
  }
  shard.until[std::move(key)] = now + wait;
}

Milliseconds ThrottledVehicles::left(const AppId& app, std::string_view vehicle, BootTime now) {
  const std::string key = key_of(app, vehicle);
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.until.find(key);
  if (found == shard.until.end()) return Milliseconds(0);
  if (found->second > now) return found->second - now;
  shard.until.erase(found);
  return Milliseconds(0);
}

}  // namespace keyfob::gateway
