#pragma once
// InProcessApi: ApiTransport into the API of a node inside this process, as the operator at the machine.

#include <memory>

#include "apps/keyfob/api_transport.hpp"
#include "apps/keyfob/node_state.hpp"
#include "config/config.hpp"

namespace keyfob::cli {

/// The errors are those of Node::open and Node::load.
[[nodiscard]] Result<std::unique_ptr<ApiTransport>> open_in_process_api(const config::Config& config,
                                                                        node::NodeState state);

}  // namespace keyfob::cli
