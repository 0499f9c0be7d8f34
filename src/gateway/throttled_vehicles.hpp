#pragma once
// ThrottledVehicles: which vehicles the provider has asked not to be called for a while (429 with Retry-After).

#include <array>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/ids.hpp"
#include "base/time.hpp"

namespace keyfob::gateway {

/// Retry-After as a number of seconds (RFC 9110 section 10.2.3), at most an hour; empty for a date and anything else.
[[nodiscard]] std::optional<Milliseconds> retry_after_seconds(std::string_view value);

/// Any thread. Memory of this process.
class ThrottledVehicles {
 public:
  static constexpr std::size_t kMost = 65'536;

  void remember(const AppId& app, std::string_view vehicle, BootTime now, Milliseconds wait);
  /// How long the vehicle still has to be left alone; 0: it may be called.
  [[nodiscard]] Milliseconds left(const AppId& app, std::string_view vehicle, BootTime now);

 private:
  struct Shard {
    std::mutex mutex;
    std::unordered_map<std::string, BootTime> until;
  };
  [[nodiscard]] Shard& shard_of(const std::string& key) {
    return shards_[std::hash<std::string>()(key) % shards_.size()];
  }

  std::array<Shard, 16> shards_;
};

}  // namespace keyfob::gateway
