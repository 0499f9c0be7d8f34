#include "api/body_reader.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "base/bytes.hpp"
#include "base/nearest.hpp"
#include "base/wiped_block.hpp"

namespace keyfob::api {
namespace {

namespace json = boost::json;

constexpr std::size_t kDepth = 8;
constexpr std::int64_t kLongest = std::int64_t{100} * 366 * 86'400;

/// Boost.JSON's memory, overwritten before it is freed.
class WipingResource final : public json::memory_resource {
  void* do_allocate(std::size_t size, std::size_t) override { return new_wiped_block(size); }
  void do_deallocate(void* data, std::size_t, std::size_t) override { free_wiped_block(data); }
  [[nodiscard]] bool do_is_equal(const json::memory_resource& other) const noexcept override { return this == &other; }
};

std::string quoted(std::string_view name) { return "'" + std::string(name) + "'"; }

std::string_view view_of(const json::string& text) { return {text.data(), text.size()}; }

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    if (end != 0) words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

}  // namespace

struct BodyReader::Document {
  WipingResource memory;
  json::value root = json::value(json::storage_ptr(&memory));  // in braces it would be a list
};

BodyReader::BodyReader(std::string_view text, std::span<const std::string_view> known)
    : document_(std::make_unique<Document>()) {
  parse(text);
  if (!error_) refuse_unknown(known);
}

BodyReader::~BodyReader() = default;

void BodyReader::parse(std::string_view text) {
  json::parse_options options;
  options.max_depth = kDepth;
  std::array<unsigned char, 4096> scratch;
  boost::system::error_code error;
  {
    json::parser parser(&document_->memory, options, scratch.data(), scratch.size());
    parser.reset(&document_->memory);
    parser.write(text.data(), text.size(), error);
    if (!error) document_->root = parser.release();
  }
  wipe(scratch.data(), scratch.size());
  if (error) {
    complain("the body is not valid JSON (" + error.message() + ")", "send one JSON object in UTF-8");
  } else if (!document_->root.is_object()) {
    complain("the body is not a JSON object", "send one JSON object");
  }
}

void BodyReader::refuse_unknown(std::span<const std::string_view> known) {
  for (const auto& member : document_->root.get_object()) {
    const std::string_view name(member.key().data(), member.key().size());
    if (std::ranges::find(known, name) != known.end()) continue;
    std::string hint;
    const std::string near = nearest(name, known);
    for (const std::string_view field : known) hint += (hint.empty() ? "known fields: " : ", ") + std::string(field);
    if (!near.empty()) hint = "did you mean " + quoted(near) + "?";
    // A secret in the wrong place must not be echoed.
    complain(near.empty() ? "the body has an unknown field" : "unknown field, close to " + quoted(near),
             std::move(hint));
    return;
  }
}

bool BodyReader::has(std::string_view name) const { return find(name) != nullptr; }

const json::value* BodyReader::find(std::string_view name) const {
  const json::object* object = document_->root.if_object();
  const json::value* value = object == nullptr ? nullptr : object->if_contains(json::string_view(name));
  return value == nullptr || value->is_null() ? nullptr : value;
}

std::string_view BodyReader::view(std::string_view name, Need need) {
  const json::value* value = find(name);
  if (value != nullptr && !value->is_string()) {
    complain(quoted(name) + " is not text", "write it in double quotes");
    return {};
  }
  const std::string_view text = value == nullptr ? std::string_view() : view_of(value->get_string());
  if (need == Need::required && text.empty()) complain(quoted(name) + " is missing or empty");
  return text;
}

std::string BodyReader::text(std::string_view name, Need need) { return std::string(view(name, need)); }

std::optional<std::string> BodyReader::text_if(std::string_view name) {
  if (!has(name)) return std::nullopt;
  return text(name);
}

std::optional<std::vector<std::string>> BodyReader::texts_if(std::string_view name) {
  const json::value* value = find(name);
  if (value == nullptr) return std::nullopt;
  std::vector<std::string> out;
  const json::array* array = value->if_array();
  if (array == nullptr) complain(quoted(name) + " is not an array", "write it like [\"a\",\"b\"]");
  for (std::size_t i = 0; array != nullptr && i < array->size(); ++i) {
    const json::string* item = (*array)[i].if_string();
    if (item == nullptr) complain(quoted(name) + " holds something that is not text");
    out.emplace_back(item == nullptr ? std::string_view() : view_of(*item));
  }
  return out;
}

std::vector<std::string> BodyReader::texts(std::string_view name) {
  return texts_if(name).value_or(std::vector<std::string>());
}

std::vector<std::string> BodyReader::words(std::string_view name) {
  const json::value* value = find(name);
  if (value != nullptr && value->is_string()) return split_words(view_of(value->get_string()));
  return texts(name);
}

bool BodyReader::flag(std::string_view name) {
  const json::value* value = find(name);
  if (value == nullptr) return false;
  if (!value->is_bool()) complain(quoted(name) + " is neither true nor false");
  return value->is_bool() && value->get_bool();
}

std::optional<Milliseconds> BodyReader::duration(std::string_view name, Need need) {
  const json::value* value = find(name);
  if (value == nullptr) {
    if (need == Need::required) complain(quoted(name) + " is missing");
    return std::nullopt;
  }
  const std::int64_t* number = value->if_int64();
  if (number != nullptr && *number >= 0 && *number <= kLongest) return seconds(*number);
  complain(quoted(name) + " is not a whole number of seconds", "a number from 0 on, without quotes");
  return std::nullopt;
}

void BodyReader::complain(std::string what, std::string hint) {
  if (!error_) error_ = Error{ErrorCode::invalid_argument, std::move(what), std::move(hint), {}};
}

}  // namespace keyfob::api
