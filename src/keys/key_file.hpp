#pragma once
// The master key file: one line of text (LocalKeyProvider's), readable by its owner alone.

#include <string>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace keyfob::keys {

/// Makes a new key in a new file: mode 0600, synced together with its directory, or not there at all after a failure.
/// conflict: the path exists, whatever it is; it is left as it is. unavailable: the file system refused.
[[nodiscard]] Result<void> create_key_file(const std::string& path);

/// Never creates anything. not_found: nothing there. unsafe: somebody but its owner may read or write it, or the owner
/// is neither this process's user nor root. forbidden: this process may not read it. invalid_argument: not a regular
/// file. unavailable: reading failed. The hint says what mends it.
[[nodiscard]] Result<Secret> read_key_file(const std::string& path);

/// The same for a file in systemd's directory of credentials, which gives root's files to the service by its own rules
/// (an ACL shows as group permission): only others must have no way in.
[[nodiscard]] Result<Secret> read_credential_file(const std::string& path);

}  // namespace keyfob::keys
