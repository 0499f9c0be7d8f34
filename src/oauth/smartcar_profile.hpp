#pragma once
// The built-in profile of Smartcar: every value from its public documentation (docs/providers, "smartcar").

#include "core/provider.hpp"

namespace keyfob::oauth {

/// Both regimes: v2 user tokens (rotating pairs) and v3 application tokens.
[[nodiscard]] ProviderProfile smartcar_profile();

}  // namespace keyfob::oauth
