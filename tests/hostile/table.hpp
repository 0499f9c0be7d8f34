#pragma once
// The tables of this folder as values: a JSON list of cases whose first element says what the fields mean.

#include <boost/json.hpp>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace keyfob::hostile {

/// In the files a character stands for the byte of its number.
inline std::string bytes_of(const boost::json::string& text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x80) {
      bytes += static_cast<char>(lead);
    } else {
      bytes += static_cast<char>(((lead & 3U) << 6U) | (static_cast<unsigned char>(text[++i]) & 0x3fU));
    }
  }
  return bytes;
}

inline boost::json::array load_table(const std::string& file) {
  std::ifstream stream(std::string(KEYFOB_HOSTILE) + '/' + file);
  std::stringstream text;
  text << stream.rdbuf();
  boost::json::array table = boost::json::parse(text.str()).as_array();
  if (table.size() < 2) throw std::runtime_error(file + " has no cases");
  table.erase(table.begin());
  return table;
}

inline std::string text_in(const boost::json::object& each, std::string_view name, std::string_view fallback = {}) {
  const auto* value = each.if_contains(name);
  return value == nullptr ? std::string(fallback) : bytes_of(value->as_string());
}

inline bool flag_in(const boost::json::object& each, std::string_view name, bool fallback = false) {
  const auto* value = each.if_contains(name);
  return value == nullptr ? fallback : value->as_bool();
}

/// A text or a list of texts; empty when there is none.
inline std::vector<std::string> texts_in(const boost::json::object& each, std::string_view name) {
  std::vector<std::string> out;
  const auto* value = each.if_contains(name);
  if (value == nullptr) return out;
  if (value->is_string()) return {bytes_of(value->as_string())};
  for (const auto& element : value->as_array()) out.push_back(bytes_of(element.as_string()));
  return out;
}

inline std::string with(std::string text, std::string_view placeholder, std::string_view value) {
  for (auto at = text.find(placeholder); at != std::string::npos; at = text.find(placeholder, at + value.size())) {
    text.replace(at, placeholder.size(), value);
  }
  return text;
}

inline std::string repeated(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

}  // namespace keyfob::hostile
