#pragma once
// Secret references: how a secret gets into a command without being an argument value, where every process of the
// machine could read it. "@FILE" the file's content, "env:NAME" an environment variable, "-" stdin (a prompt without
// echo on a terminal). One trailing line break is not part of the secret.

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace keyfob::cli {

/// invalid_argument: not a reference (the message never repeats the value), an empty secret or one beyond 64 KiB.
/// not_found: no such file or variable. `option` is how the message names it: "--client-secret".
[[nodiscard]] Result<Secret> read_secret(std::string_view reference, std::string_view option);

}  // namespace keyfob::cli
