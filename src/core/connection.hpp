#pragma once
// Connection: one owner's vehicle that a provider says an application may reach.

#include <string>
#include <vector>

#include "base/ids.hpp"

namespace keyfob {

struct Connection {
  ProviderUserId provider_user;
  VehicleId vehicle;
  std::string id{};  ///< by which it can be ended; empty where the list names none
};

struct ConnectionPage {
  std::vector<Connection> connections{};
  std::string next_cursor{};  ///< empty: this was the last page
};

}  // namespace keyfob
