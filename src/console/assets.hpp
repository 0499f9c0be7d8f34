#pragma once
// assets: the console's files as they are in console/, inside the program.

#include <span>
#include <string_view>

namespace keyfob::console {

struct Asset {
  std::string_view name;  ///< "index.html"
  std::string_view tag;   ///< of its content, for ETag
  std::string_view text;
};

[[nodiscard]] std::span<const Asset> assets();
/// Null: there is no such file.
[[nodiscard]] const Asset* find_asset(std::string_view name);
[[nodiscard]] std::string_view content_type_of(const Asset& asset);

}  // namespace keyfob::console
