#pragma once
// open_master_key: the KeyProvider that [keys] master names.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "ports/key_provider.hpp"

namespace keyfob::keys {

/// The value of an environment variable, if it is set. Given by apps/: nothing else reads the environment.
using EnvironmentLookup = std::function<std::optional<Secret>(const std::string& name)>;

/// "file:PATH" (already made absolute by the configuration) or "env:NAME". Never makes a key. The errors are
/// read_key_file's and LocalKeyProvider::from_text's; not_found: the variable is not set; invalid_argument: no such
/// kind of reference, or one that this build does not have yet (pkcs11:, exec:).
[[nodiscard]] Result<std::unique_ptr<KeyProvider>> open_master_key(std::string_view reference,
                                                                   const EnvironmentLookup& environment);

}  // namespace keyfob::keys
