#include "apps/keyfob/connect_api.hpp"

#include <chrono>
#include <thread>

#include "apps/keyfob/admin_socket.hpp"
#include "apps/keyfob/in_process_api.hpp"
#include "apps/keyfob/node_state.hpp"

namespace keyfob::cli {
namespace {

constexpr int kTries = 100;
constexpr std::chrono::milliseconds kBetween{100};

}  // namespace

Result<std::unique_ptr<ApiTransport>> connect_api(const config::Config& config) {
  const auto socket = node::StatePaths{config.node.state_dir}.admin_socket();
  for (int tries = 0;; ++tries) {
    auto state = node::NodeState::open(config.node.state_dir);
    if (state) return open_in_process_api(config, std::move(*state));
    if (state.error().code != ErrorCode::conflict) return fail(state.error());
    auto daemon = AdminSocket::connect(socket);
    if (daemon || daemon.error().code == ErrorCode::forbidden || tries == kTries) return daemon;
    std::this_thread::sleep_for(kBetween);
  }
}

}  // namespace keyfob::cli
