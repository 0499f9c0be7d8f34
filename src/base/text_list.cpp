#include "base/text_list.hpp"

#include <charconv>

namespace keyfob {

void append_netstring(std::string& list, std::string_view text) {
  list += std::to_string(text.size());
  list += ':';
  list += text;
}

std::optional<std::vector<std::string>> split_netstrings(std::string_view list) {
  std::vector<std::string> texts;
  while (!list.empty()) {
    std::size_t size = 0;
    const auto [end, error] = std::from_chars(list.data(), list.data() + list.size(), size);
    if (error != std::errc{}) return std::nullopt;
    list.remove_prefix(static_cast<std::size_t>(end - list.data()));
    if (list.empty() || list.front() != ':' || list.size() - 1 < size) return std::nullopt;
    texts.emplace_back(list.substr(1, size));
    list.remove_prefix(1 + size);
  }
  return texts;
}

}  // namespace keyfob
