#pragma once
// Connection: one owner's vehicle that a provider says an application may reach.

#include <string>
#include <vector>

#include "base/ids.hpp"

namespace keyfob {

struct Connection {
  ProviderUserId provider_user;
  VehicleId vehicle;
};

struct ConnectionPage {
  std::vector<Connection> connections{};
  std::string next_cursor{};  ///< empty: this was the last page
};

}  // namespace keyfob
