#pragma once
// TomlNode: a TOML document as a plain tree that remembers line numbers. Keeps toml++ inside one .cpp file.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.hpp"

namespace keyfob::config {

struct TomlNode;
using TomlArray = std::vector<TomlNode>;
using TomlTable = std::vector<std::pair<std::string, TomlNode>>;

struct TomlNode {
  struct Other {};  ///< a date or a time: Keyfob has no use for them

  std::uint32_t line = 0;  ///< of the key, or of the value in an array; 1 is the first
  std::variant<TomlTable, TomlArray, std::string, std::int64_t, double, bool, Other> value{};

  template <class T>
  [[nodiscard]] const T* as() const {
    return std::get_if<T>(&value);
  }
};

/// The root table. Fails with invalid_argument, "FILE:LINE: ..." where the text is not TOML 1.0.
[[nodiscard]] Result<TomlNode> parse_toml(std::string_view text, std::string_view file);

}  // namespace keyfob::config
