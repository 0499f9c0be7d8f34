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

/// "file:PATH" (already made absolute by the configuration), "env:NAME", "credential:NAME", "exec:PROGRAM" or a
/// "pkcs11:" URI. Never makes a key. May block for some seconds. The errors are those of read_key_file,
/// LocalKeyProvider::from_text, ProgramKeyProvider::open, Pkcs11KeyProvider::open; not_found: the variable or
/// credential is not there; invalid_argument: no such kind of reference.
[[nodiscard]] Result<std::unique_ptr<KeyProvider>> open_master_key(std::string_view reference,
                                                                   const EnvironmentLookup& environment);

}  // namespace keyfob::keys
