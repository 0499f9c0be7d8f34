#pragma once
// The consent page that a person sees in a browser.

#include <string>

#include "model/connect.hpp"

namespace keyfob::sim {

/// A page that posts the decision back to `action` (path and query of the authorize request).
[[nodiscard]] std::string consent_page(World& world, const ConnectRequest& request, const std::string& action);
[[nodiscard]] std::string problem_page(const std::string& problem);

}  // namespace keyfob::sim
