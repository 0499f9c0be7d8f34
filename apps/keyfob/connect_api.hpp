#pragma once
// connect_api: finds the way to the API: a daemon's admin socket, or this very process as one more node.

#include <memory>

#include "apps/keyfob/api_transport.hpp"
#include "config/config.hpp"

namespace keyfob::cli {

/// While a daemon holds [node] state_dir, its admin socket; else the store opened here, until the transport is
/// destroyed. A process that holds the directory only for a moment (another command, a daemon that starts or stops) is
/// waited for, at most 10 s.
[[nodiscard]] Result<std::unique_ptr<ApiTransport>> connect_api(const config::Config& config);

}  // namespace keyfob::cli
