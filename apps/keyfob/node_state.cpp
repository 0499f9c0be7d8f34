#include "apps/keyfob/node_state.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "apps/keyfob/durable_counter.hpp"
#include "apps/keyfob/durable_file.hpp"
#include "crypto/random.hpp"

namespace keyfob::node {
namespace {

constexpr std::size_t kNodeIdBytes = 8;

ErrorCode code_of(int number) {
  return number == EACCES || number == EPERM ? ErrorCode::forbidden : ErrorCode::unavailable;
}

Result<void> make_private_directory(const std::filesystem::path& dir) {
  if (::mkdir(dir.c_str(), 0700) == 0) return {};
  if (errno != EEXIST)
    return fail(code_of(errno), fmt::format("cannot make {}: {}", dir.string(), std::strerror(errno)),
                "[node] state_dir must name a directory that this user may make or write");
  struct stat about{};
  if (::stat(dir.c_str(), &about) != 0 || !S_ISDIR(about.st_mode))
    return fail(ErrorCode::unavailable, fmt::format("{} is not a directory", dir.string()),
                "point [node] state_dir at a directory of its own");
  if ((about.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return fail(ErrorCode::unsafe, fmt::format("{} can be written by others", dir.string()),
                fmt::format("chmod 700 {}", dir.string()));
  return {};
}

std::string_view trimmed(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  return text;
}

Result<NodeId> load_or_make_node_id(const std::filesystem::path& path) {
  auto text = read_small_file(path);
  if (text) {
    const auto id = trimmed(*text);
    if (id.size() == 2 * kNodeIdBytes && from_hex(id)) return NodeId(id);
    return fail(ErrorCode::damaged, fmt::format("{} does not hold a node id", path.string()),
                "restore it; if it is lost for good, remove it only after every lease of this node has ended");
  }
  if (text.error().code != ErrorCode::not_found) return fail(text.error());
  std::array<std::uint8_t, kNodeIdBytes> bytes{};
  crypto::random_bytes(bytes);
  const std::string id = to_hex(bytes);
  if (auto written = replace_file(path, id + "\n"); !written) return fail(written.error());
  return NodeId(id);
}

}  // namespace

Result<NodeState> NodeState::open(std::filesystem::path dir) {
  if (auto made = make_private_directory(dir); !made) return fail(made.error());
  NodeState state(StatePaths{std::move(dir)});
  if (auto locked = state.lock(); !locked) return fail(locked.error());
  if (auto known = state.identify(); !known) return fail(known.error());
  return state;
}

NodeState::~NodeState() {
  if (lock_fd_ >= 0) ::close(lock_fd_);
}

Result<void> NodeState::lock() {
  const auto path = paths_.lock();
  lock_fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_fd_ < 0)
    return fail(code_of(errno), fmt::format("cannot open {}: {}", path.string(), std::strerror(errno)),
                "run it as the user that owns the state directory");
  if (::flock(lock_fd_, LOCK_EX | LOCK_NB) == 0) return {};
  return fail(ErrorCode::conflict, fmt::format("another process uses {}", paths_.dir.string()),
              "every process needs a [node] state_dir of its own; stop the other one or give this one another");
}

Result<void> NodeState::identify() {
  auto id = load_or_make_node_id(paths_.node_id());
  if (!id) return fail(id.error());
  auto incarnation = count_up(paths_.incarnation());
  if (!incarnation) return fail(incarnation.error());
  identity_ = {std::move(*id), Incarnation(*incarnation)};
  return {};
}

}  // namespace keyfob::node
