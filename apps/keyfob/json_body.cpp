#include "apps/keyfob/json_body.hpp"

#include <fmt/format.h>

namespace keyfob::cli {

void JsonBody::member(std::string_view name) {
  if (!text_.empty()) text_ += ',';
  quoted(name);
  text_ += ':';
}

void JsonBody::quoted(std::string_view value) {
  text_ += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\') {
      text_ += '\\';
      text_ += c;
    } else if (static_cast<unsigned char>(c) < 0x20U) {
      text_ += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      text_ += c;
    }
  }
  text_ += '"';
}

JsonBody& JsonBody::text(std::string_view name, std::string_view value) {
  member(name);
  quoted(value);
  return *this;
}

JsonBody& JsonBody::secret(std::string_view name, const Secret& value) { return text(name, reveal_secret(value)); }

JsonBody& JsonBody::texts(std::string_view name, const std::vector<std::string>& values) {
  member(name);
  text_ += '[';
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) text_ += ',';
    quoted(values[i]);
  }
  text_ += ']';
  return *this;
}

JsonBody& JsonBody::number(std::string_view name, std::int64_t value) {
  member(name);
  text_ += std::to_string(value);
  return *this;
}

JsonBody& JsonBody::boolean(std::string_view name, bool value) {
  member(name);
  text_ += value ? "true" : "false";
  return *this;
}

std::string JsonBody::json() const {
  std::string out;
  out.reserve(text_.size() + 2);
  out.append("{").append(text_).append("}");
  return out;
}

}  // namespace keyfob::cli
