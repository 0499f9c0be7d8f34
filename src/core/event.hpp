#pragma once
// Event: something a team wants to be told. Names are fixed by docs (grant.connected, grant.suspect,
// grant.needs_reauth, ...).

#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"

namespace keyfob {

struct Event {
  std::string name;
  AppId app{};
  GrantId grant{};
  UserId user{};
  std::vector<VehicleId> vehicles{};
  std::string detail{};  ///< redacted; never a token
  WallTime at{};
};

}  // namespace keyfob
