#include "oauth/token_json.hpp"

#include <boost/json.hpp>
#include <charconv>
#include <cmath>
#include <cstddef>

#include "base/wiped_block.hpp"

namespace keyfob::oauth {
namespace {

namespace json = boost::json;

/// Boost.JSON's memory, overwritten before it is freed.
class WipingResource final : public json::memory_resource {
  void* do_allocate(std::size_t size, std::size_t) override { return new_wiped_block(size); }
  void do_deallocate(void* data, std::size_t, std::size_t) override { free_wiped_block(data); }
  [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};

constexpr std::string_view kSpace = " \t\r\n";

std::string_view without_margin(std::string_view body) {
  if (body.starts_with("\xef\xbb\xbf")) body.remove_prefix(3);
  const auto first = body.find_first_not_of(kSpace);
  return first == std::string_view::npos ? std::string_view() : body.substr(first);
}

std::optional<json::value> parse(std::string_view text, json::storage_ptr memory) {
  json::parse_options options;
  options.allow_invalid_utf8 = true;
  options.allow_trailing_commas = true;
  json::parser parser(memory, options);
  parser.reset(memory);
  json::error_code error;
  parser.write(text, error);
  if (error) return std::nullopt;
  return parser.release();
}

std::optional<Milliseconds> lifetime(double value) {
  constexpr double kTenYears = 10.0 * 366 * 86400;
  if (!std::isfinite(value) || value <= 0 || value > kTenYears) return std::nullopt;
  return Milliseconds(static_cast<std::int64_t>(value * 1000));
}

std::optional<Milliseconds> lifetime(std::string_view text) {
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return std::nullopt;
  text = text.substr(first, text.find_last_not_of(kSpace) - first + 1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return lifetime(value);
}

std::optional<Milliseconds> lifetime(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return lifetime(std::string_view(value->get_string()));
  json::error_code error;
  const auto number = value->to_number<double>(error);
  return error ? std::nullopt : lifetime(number);
}

void append_text(WipedString& out, const json::value& value) {
  if (!value.is_string()) return;
  if (!out.empty()) out += ' ';
  out.append(std::string_view(value.get_string()));
}

WipedString text(const json::object& object, std::string_view name) {
  WipedString out = wiped_string();
  const json::value* value = object.if_contains(name);
  if (value == nullptr) return out;
  if (!value->is_array()) {
    append_text(out, *value);
    return out;
  }
  for (const json::value& item : value->get_array()) append_text(out, item);
  return out;
}

/// Walks over the text of a cut object and hands out its complete top-level string members.
class Salvage {
 public:
  explicit Salvage(std::string_view text) : text_(text) {}

  /// The next member whose value is a complete string; false at the end.
  bool next(std::string_view& key, std::string_view& value) {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c != '"') {
        step(c);
        continue;
      }
      std::string_view first;
      if (!take_string(first)) return false;
      if (!key_expected_) continue;
      key_expected_ = false;
      if (take_colon() && at_ < text_.size() && text_[at_] == '"') {
        key = first;
        return take_string(value);
      }
    }
    return false;
  }

 private:
  void step(char c) {
    if (c == '{' || c == '[') ++depth_;
    if (c == '}' || c == ']') --depth_;
    if (depth_ == 1 && (c == '{' || c == ',')) key_expected_ = true;
    ++at_;
  }

  void skip_space() { at_ = std::min(text_.find_first_not_of(kSpace, at_), text_.size()); }

  bool take_colon() {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != ':') return false;
    ++at_;
    skip_space();
    return true;
  }

  /// From the opening to the closing quote, both included.
  bool take_string(std::string_view& out) {
    const std::size_t start = at_++;
    while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    if (at_ >= text_.size()) return false;
    ++at_;
    out = text_.substr(start, at_ - start);
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
  bool key_expected_ = false;
};

WipedString* field_named(TokenJson& out, std::string_view quoted) {
  if (quoted == "\"access_token\"") return &out.access_token;
  if (quoted == "\"refresh_token\"") return &out.refresh_token;
  if (quoted == "\"error\"") return &out.error;
  if (quoted == "\"error_description\"") return &out.description;
  return nullptr;
}

void salvage(std::string_view body, TokenJson& out, json::storage_ptr memory) {
  if (!body.starts_with('{')) return;
  Salvage members(body);
  std::string_view key;
  std::string_view value;
  while (members.next(key, value)) {
    WipedString* field = field_named(out, key);
    if (field == nullptr) continue;
    const auto parsed = parse(value, memory);
    if (!parsed) continue;
    field->clear();
    append_text(*field, *parsed);
  }
}

}  // namespace

TokenJson read_token_json(std::string_view body) {
  TokenJson out;
  WipingResource memory;
  body = without_margin(body);
  const auto parsed = parse(body, &memory);
  if (!parsed || !parsed->is_object()) {
    salvage(body, out, &memory);
    return out;
  }
  const json::object& object = parsed->get_object();
  out.whole = true;
  out.access_token = text(object, "access_token");
  out.refresh_token = text(object, "refresh_token");
  out.scope = text(object, "scope");
  out.error = text(object, "error");
  out.description = text(object, "error_description");
  out.expires_in = lifetime(object, "expires_in");
  out.refresh_expires_in = lifetime(object, "refresh_expires_in");
  if (!out.refresh_expires_in) out.refresh_expires_in = lifetime(object, "refresh_token_expires_in");
  return out;
}

}  // namespace keyfob::oauth
