#pragma once
// Small files that must be whole or absent: written aside, synced, moved into place.

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace keyfob::node {

/// Content of a small file. not_found when it does not exist.
[[nodiscard]] Result<std::string> read_small_file(const std::filesystem::path& path);

/// Replaces `path` (mode 0600) durably: after a crash it holds the old text or the new one.
[[nodiscard]] Result<void> replace_file(const std::filesystem::path& path, std::string_view text);

/// Creates `path` with this mode. conflict when it exists. On failure nothing is left.
[[nodiscard]] Result<void> create_file(const std::filesystem::path& path, std::string_view text, unsigned mode);

}  // namespace keyfob::node
