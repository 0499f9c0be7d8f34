#pragma once
// RefusedVehicles: vehicles whose calls were answered 401 although their token had just been rotated. Rotating again
// would not help them, so they wait, twice as long each time, instead of rotating the grant for ever. Memory of this
// process only; takes `now`.

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/time.hpp"
#include "ports/grant_store.hpp"

namespace keyfob::engine {

/// Not thread-safe.
class RefusedVehicles {
 public:
  static constexpr std::size_t kMost = 10'000;
  static constexpr Milliseconds kLongest = hours(1);

  /// `first`: after one refusal of a fresh token its vehicle waits twice this long; 0: nobody ever waits.
  explicit RefusedVehicles(Milliseconds first) : first_(first) {}

  /// Whether a 401 to this vehicle's calls may cause a rotation. `vehicle` is empty for calls that name none.
  [[nodiscard]] bool may_rotate(const GrantRef& ref, std::string_view vehicle, BootTime now) const;
  /// A call for this vehicle was answered 401 with the token of `version`, which had been rotated for it. Many calls
  /// may say so of one version; it counts once.
  void refused_again(const GrantRef& ref, std::string_view vehicle, GrantVersion version, BootTime now);
  [[nodiscard]] std::size_t size() const { return waiting_.size(); }

 private:
  struct Wait {
    GrantVersion version;
    unsigned times = 0;
    BootTime until{};
  };
  void make_room(BootTime now);

  Milliseconds first_;
  std::unordered_map<std::string, Wait> waiting_;
};

}  // namespace keyfob::engine
