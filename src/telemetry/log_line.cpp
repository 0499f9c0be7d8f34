#include "telemetry/log_line.hpp"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>

namespace keyfob::telemetry {
namespace {

/// Length of the UTF-8 character (RFC 3629) that `text` begins with; 0 when it begins with none.
std::size_t utf8_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto tail = [&](std::size_t i) { return (at(i) & 0xC0U) == 0x80U; };
  const unsigned first = at(0);
  if (first < 0x80U) return 1;
  if (first >= 0xC2U && first < 0xE0U) return tail(1) ? 2 : 0;
  if (first >= 0xE0U && first < 0xF0U) {
    const bool overlong = first == 0xE0U && at(1) < 0xA0U;
    const bool surrogate = first == 0xEDU && at(1) >= 0xA0U;
    return tail(1) && tail(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0U && first < 0xF5U) {
    const bool outside = (first == 0xF0U && at(1) < 0x90U) || (first == 0xF4U && at(1) >= 0x90U);
    return tail(1) && tail(2) && tail(3) && !outside ? 4 : 0;
  }
  return 0;
}

/// The text with everything escaped that could end a line or steer a terminal.
std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const auto first = static_cast<unsigned char>(text.front());
    const bool c1_control = length == 2 && first == 0xC2U && static_cast<unsigned char>(text[1]) < 0xA0U;
    if (length == 0 || first < 0x20U || first == 0x7FU || c1_control) {
      out += fmt::format("\\x{:02x}", first);
      text.remove_prefix(1);
    } else {
      out += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  return out;
}

std::string value_text(std::string_view value) {
  const std::string plain = printable(value);
  if (!plain.empty() && plain.find_first_of(" \"=") == std::string::npos) return plain;
  std::string out = "\"";
  for (const char c : plain) {
    if (c == '"') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string json_text(std::string_view text) {
  const std::string plain = printable(text);
  return boost::json::serialize(boost::json::value(boost::json::string(plain.data(), plain.size())));
}

}  // namespace

std::string human_line(std::string_view message, std::initializer_list<LogField> fields) {
  std::string out = printable(message);
  for (const LogField& field : fields) out += fmt::format(" {}={}", field.key, value_text(field.value));
  return out;
}

std::string json_members(std::string_view message, std::initializer_list<LogField> fields) {
  std::string out = "\"message\":" + json_text(message);
  for (const LogField& field : fields) out += fmt::format(",{}:{}", json_text(field.key), json_text(field.value));
  return out;
}

}  // namespace keyfob::telemetry
