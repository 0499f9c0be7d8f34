#include "apps/keyfob/json_view.hpp"

#include <boost/json.hpp>

namespace keyfob::cli {
namespace {

namespace json = boost::json;

const json::value* member(const json::value& object, std::string_view name) {
  return object.is_object() ? object.as_object().if_contains(name) : nullptr;
}

std::string plain(const json::value& value) {
  if (value.is_null()) return {};
  if (value.is_string()) return std::string(value.as_string());
  if (!value.is_array()) return json::serialize(value);
  std::string out;
  for (const auto& element : value.as_array()) out += (out.empty() ? "" : ", ") + plain(element);
  return out;
}

}  // namespace

std::string text_of(const json::value& object, std::string_view name) {
  const auto* value = member(object, name);
  return value == nullptr ? std::string() : plain(*value);
}

std::vector<const json::value*> elements_of(const json::value& object, std::string_view name) {
  std::vector<const json::value*> out;
  const auto* list = member(object, name);
  if (list == nullptr || !list->is_array()) return out;
  for (const auto& element : list->as_array()) out.push_back(&element);
  return out;
}

}  // namespace keyfob::cli
