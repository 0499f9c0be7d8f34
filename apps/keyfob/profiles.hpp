#pragma once
// Profiles: the provider profiles of an installation: the built-in ones and what [providers.*] says.

#include "base/result.hpp"
#include "config/config.hpp"
#include "oauth/profiles.hpp"

namespace keyfob::node {

/// Every built-in profile, with its overrides, and every further one. invalid_argument names the provider and field.
[[nodiscard]] Result<oauth::ProfileTable> make_profiles(const config::Config& config);

}  // namespace keyfob::node
