#pragma once
// count_up: a number in a file that grows by one with each call and survives a crash at any moment, on a full disk,
// too.

#include <cstdint>
#include <filesystem>

#include "base/result.hpp"

namespace keyfob::node {

/// The next number, 1 for a new file, durable before it returns. The file is two lines of fixed size that are written
/// in turn and in place, so counting takes no space and a torn line leaves the other one. damaged: neither line holds a
/// number. unavailable, forbidden: the file system refuses.
[[nodiscard]] Result<std::uint64_t> count_up(const std::filesystem::path& path);

}  // namespace keyfob::node
