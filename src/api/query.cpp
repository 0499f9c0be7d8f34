#include "api/query.hpp"

#include <algorithm>
#include <charconv>

#include "base/nearest.hpp"
#include "http/message.hpp"

namespace keyfob::api {
namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const auto end = text.find(separator);
    if (end != 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return parts;
}

std::unexpected<Error> bad(std::string what, std::string hint = {}) {
  return fail(ErrorCode::invalid_argument, std::move(what), std::move(hint));
}

}  // namespace

Result<Query> Query::parse(std::string_view text) {
  Query query;
  for (const std::string_view field : split(text, '&')) {
    const auto equals = std::min(field.find('='), field.size());
    auto name = http::decode_component(field.substr(0, equals));
    auto value = http::decode_component(field.substr(std::min(equals + 1, field.size())));
    if (!name || !value) return bad("the query cannot be decoded", "write reserved characters as %XX");
    if (query.find(*name) != nullptr) return bad("the query names '" + *name + "' twice", "give each parameter once");
    query.parameters_.push_back({std::move(*name), std::move(*value)});
  }
  return query;
}

Result<void> Query::only(std::string_view known) const {
  const auto names = split(known, ' ');
  for (const Parameter& parameter : parameters_) {
    if (std::ranges::find(names, parameter.name) != names.end()) continue;
    const std::string near = nearest(parameter.name, names);
    std::string hint = names.empty() ? "this call takes none" : "known here: " + std::string(known);
    if (!near.empty()) hint = "did you mean '" + near + "'?";
    return bad("unknown query parameter '" + parameter.name + "'", std::move(hint));
  }
  return {};
}

std::string Query::text(std::string_view name) const {
  const Parameter* parameter = find(name);
  return parameter == nullptr ? std::string() : parameter->value;
}

Result<bool> Query::flag(std::string_view name) const {
  const Parameter* parameter = find(name);
  if (parameter == nullptr || parameter->value == "false") return false;
  if (parameter->value == "true") return true;
  return bad("'" + std::string(name) + "' is neither true nor false");
}

Result<std::size_t> Query::count(std::string_view name, std::size_t absent, std::size_t most) const {
  const Parameter* parameter = find(name);
  if (parameter == nullptr) return absent;
  const std::string& text = parameter->value;
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (whole && number >= 1 && number <= most) return number;
  return bad("'" + std::string(name) + "' is not a whole number from 1 to " + std::to_string(most));
}

const Query::Parameter* Query::find(std::string_view name) const {
  const auto found = std::ranges::find(parameters_, name, &Parameter::name);
  return found == parameters_.end() ? nullptr : &*found;
}

}  // namespace keyfob::api
