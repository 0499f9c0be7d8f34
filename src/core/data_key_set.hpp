#pragma once
// Rules about sets of data keys that every store keeps the same way.

#include <vector>

#include "base/result.hpp"
#include "core/application.hpp"

namespace keyfob {

/// The same keys with the same wrapping, in whatever order. When they were made is not looked at.
[[nodiscard]] bool same_data_keys(std::vector<WrappedDataKey> a, std::vector<WrappedDataKey> b);

/// invalid_argument: a key without application or bytes, the same key twice, or an application whose keys have no
/// primary or more than one.
[[nodiscard]] Result<void> check_one_primary_each(const std::vector<WrappedDataKey>& keys);

}  // namespace keyfob
