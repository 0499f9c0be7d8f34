#pragma once
// Which route a path belongs to. One trailing slash, or several, mean nothing.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "web/sim.hpp"

namespace keyfob::sim {

class Router {
 public:
  struct Match {
    const Route* route = nullptr;
    std::map<std::string, std::string, std::less<>> captures{};
  };

  Router();
  /// `path` is decoded and starts with '/'. The first route that fits; no route: `route` is null.
  [[nodiscard]] Match find(std::string_view method, std::string_view path) const;

 private:
  struct Entry {
    const Route* route;
    std::vector<std::string_view> segments;
  };
  std::vector<Entry> entries_;
};

}  // namespace keyfob::sim
