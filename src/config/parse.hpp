#pragma once
// From the text of keyfob.toml (docs/reference/configuration.md) to one validated Config, and back to a first file.

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "config/config.hpp"

namespace keyfob::config {

/// What the configuration must know of a profile that is built in, to check its timing against it.
struct BuiltInProvider {
  std::string_view name;
  Milliseconds reuse_window;
};
inline constexpr BuiltInProvider kBuiltInProviders[] = {{"smartcar", seconds(60)}};

/// Reads and validates. `file` is the name for messages, `base_dir` what relative paths are relative to.
/// Fails with invalid_argument, `what` = "FILE:LINE: KEY ..." for the first problem in the file, with the nearest known
/// key when one is unknown and the numbers when a combination is impossible. Pure: touches no file.
[[nodiscard]] Result<Config> parse_config(std::string_view text, std::string_view file,
                                          const std::filesystem::path& base_dir,
                                          std::span<const BuiltInProvider> built_in = kBuiltInProviders);

/// Reads the file at `path` and parses it; relative paths are relative to its folder. not_found when there is none.
[[nodiscard]] Result<Config> load_config(const std::filesystem::path& path,
                                         std::span<const BuiltInProvider> built_in = kBuiltInProviders);

/// What `keyfob init` was told; relative paths stay relative to the file.
struct FirstConfig {
  std::string listen = "127.0.0.1:7420";
  std::string store = "sqlite:keyfob.db";
  std::string master_key = "file:keyfob.key";
  std::string state_dir = "state";
};

/// The text of a first keyfob.toml: a one-line `listen`, no [providers] section, comments that teach. parse_config
/// accepts it when it accepts the values.
[[nodiscard]] std::string write_default_config(const FirstConfig& choice = {});

/// The timing rule of the refresh protocol for one provider: T < L and L + recovery + T < W.
/// An empty text is fine; a text is a warning (W = 0: strict provider, what cannot be promised).
[[nodiscard]] Result<std::string> check_timing(const RefreshConfig& refresh, std::string_view provider,
                                               Milliseconds reuse_window);

/// True for 127.0.0.0/8, ::1 and "localhost".
[[nodiscard]] bool is_loopback(std::string_view host);

}  // namespace keyfob::config
