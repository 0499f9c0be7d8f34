#pragma once
// init_directory: `keyfob init`: a directory with a configuration, a master key and an empty store.

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace keyfob::node {

struct InitRequest {
  std::filesystem::path dir;
  std::string store = "sqlite:keyfob.db";
  std::string master_key = "file:keyfob.key";
};

struct InitReport {
  std::filesystem::path config;
  std::vector<std::filesystem::path> files;  ///< everything that was made, in order
};

/// `dir` may exist when it is empty; its parent must exist. All or nothing: after a failure nothing of it is left.
/// conflict: the directory is not empty, or the store holds data whose master key is elsewhere. A master key that
/// exists already (outside of `dir`) is used, never overwritten.
[[nodiscard]] Result<InitReport> init_directory(const InitRequest& request);

}  // namespace keyfob::node
