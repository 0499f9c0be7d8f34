#pragma once
// Small helpers around Boost.JSON: lenient reading of what tests and SDKs send, responses with lower-case headers.

#include <boost/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "http/message.hpp"
#include "model/api_errors.hpp"

namespace keyfob::sim {

namespace json = boost::json;

/// Compact JSON with numbers as people write them.
[[nodiscard]] std::string to_text(const json::value& value);
[[nodiscard]] http::Response json_response(int status, const json::value& body);
[[nodiscard]] http::Response text_response(int status, std::string_view type, std::string body);

/// The body as an object; an empty body is an empty object. Fails with invalid_argument.
[[nodiscard]] Result<json::object> parse_object(std::string_view body);

/// Members by name, leniently: a number may come as a string and the other way round. Empty when absent.
[[nodiscard]] std::optional<std::string> text_of(const json::object& object, std::string_view name);
[[nodiscard]] std::optional<double> number_of(const json::object& object, std::string_view name);
[[nodiscard]] std::optional<bool> flag_of(const json::object& object, std::string_view name);
[[nodiscard]] std::vector<std::string> texts_of(const json::object& object, std::string_view name);

[[nodiscard]] json::array array_of(const auto& texts) {
  json::array array;
  for (const auto& text : texts) array.emplace_back(json::string_view(text));
  return array;
}

/// null when empty.
[[nodiscard]] json::value or_null(std::string_view text);

/// A v2 error with all the keys that the official SDKs need.
[[nodiscard]] json::object error_body(const ApiError& error, std::string_view request_id);
[[nodiscard]] http::Response error_response(const ApiError& error, std::string_view request_id);

/// The simulator's own refusal of a control call.
[[nodiscard]] http::Response control_error(int status, std::string_view what);

}  // namespace keyfob::sim
