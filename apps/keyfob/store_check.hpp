#pragma once
// StoreCheck: opens everything sealed in a store's file, as a backup has to be before anybody relies on it.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/config.hpp"

namespace keyfob::node {

struct StoreContents {
  std::uint64_t applications = 0;
  std::uint64_t grants = 0;
  std::uint64_t late_pairs = 0;
  std::uint64_t secrets = 0;           ///< of applications
  std::vector<std::string> damaged{};  ///< "grant ID of APP: what", a hundred at most
  std::uint64_t damaged_count = 0;
};

/// Grants done so far. False ends the check (cancelled).
using CheckProgress = std::function<bool(std::uint64_t grants)>;

/// Unwraps the data keys with the configuration's master keys and opens every grant (both tokens and the association),
/// every late pair and every secret of an application; plaintexts are wiped at once. The file is opened like a store,
/// so an older schema is migrated. damaged: the master keys at hand open no data key; else the errors of store and
/// keys. Records that do not open are no error: they are in the answer.
[[nodiscard]] Result<StoreContents> check_store(const std::string& sqlite_path, const config::KeysConfig& keys,
                                                const CheckProgress& progress);

}  // namespace keyfob::node
