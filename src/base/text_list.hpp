#pragma once
// Lists of texts in one column, as netstrings: "3:abc5:defgh". Unambiguous for any content.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keyfob {

void append_netstring(std::string& list, std::string_view text);
/// Empty when `list` is not a sequence of netstrings.
[[nodiscard]] std::optional<std::vector<std::string>> split_netstrings(std::string_view list);

template <class Texts>
[[nodiscard]] std::string join_netstrings(const Texts& texts) {
  std::string list;
  for (const auto& text : texts) append_netstring(list, text);
  return list;
}

}  // namespace keyfob
