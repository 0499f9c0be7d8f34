#include "web/json.hpp"

#include <fmt/format.h>

#include <charconv>

namespace keyfob::sim {
namespace {

void write(const json::value& value, std::string& out);

void write(const json::object& object, std::string& out) {
  char before = '{';
  for (const auto& [name, member] : object) {
    out += before + json::serialize(name) + ':';
    write(member, out);
    before = ',';
  }
  out += object.empty() ? "{}" : "}";
}

void write(const json::array& array, std::string& out) {
  char before = '[';
  for (const json::value& item : array) {
    out += before;
    write(item, out);
    before = ',';
  }
  out += array.empty() ? "[]" : "]";
}

/// Boost.JSON 1.81 writes 12034.5 as 1.20345E4, which is right and reads badly.
void write(const json::value& value, std::string& out) {
  switch (value.kind()) {
    case json::kind::object: return write(value.get_object(), out);
    case json::kind::array: return write(value.get_array(), out);
    case json::kind::double_: out += fmt::format("{}", value.get_double()); return;
    default: out += json::serialize(value);
  }
}

}  // namespace

std::string to_text(const json::value& value) {
  std::string out;
  write(value, out);
  return out;
}

http::Response json_response(int status, const json::value& body) {
  return text_response(status, "application/json", to_text(body));
}

http::Response text_response(int status, std::string_view type, std::string body) {
  http::Response response;
  response.status = status;
  response.headers.push_back({"content-type", std::string(type)});
  response.body = std::move(body);
  return response;
}

Result<json::object> parse_object(std::string_view body) {
  if (body.empty()) return json::object();
  boost::system::error_code error;
  json::value value = json::parse(body, error);
  if (error) return fail(ErrorCode::invalid_argument, "the body is not JSON: " + error.message());
  if (!value.is_object()) return fail(ErrorCode::invalid_argument, "the body is not a JSON object");
  return std::move(value.get_object());
}

std::optional<std::string> text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || value->is_null()) return std::nullopt;
  if (const auto* text = value->if_string()) return std::string(*text);
  return json::serialize(*value);
}

std::optional<double> number_of(const json::object& object, std::string_view name) {
  const auto text = text_of(object, name);
  if (!text) return std::nullopt;
  double number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return number;
}

std::optional<bool> flag_of(const json::object& object, std::string_view name) {
  const auto text = text_of(object, name);
  if (!text) return std::nullopt;
  return *text == "true" || *text == "1";
}

std::vector<std::string> texts_of(const json::object& object, std::string_view name) {
  std::vector<std::string> texts;
  const json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_array()) return texts;
  for (const json::value& item : value->get_array()) {
    if (item.is_string()) texts.emplace_back(item.get_string());
  }
  return texts;
}

json::value or_null(std::string_view text) {
  return text.empty() ? json::value(nullptr) : json::value(json::string_view(text));
}

json::object error_body(const ApiError& error, std::string_view request_id) {
  json::object body{{"type", error.type},
                    {"code", or_null(error.code)},
                    {"description", error.description},
                    {"docURL", documentation_url(error)},
                    {"statusCode", error.status},
                    {"requestId", request_id},
                    {"resolution", json::object{{"type", or_null(error.resolution)}}}};
  if (!error.url.empty()) body["resolution"].as_object()["url"] = error.url;
  if (error.type == "VALIDATION" && !error.field.empty()) {
    body["detail"] = json::array{json::object{{"field", error.field}, {"message", error.description}}};
  }
  return body;
}

http::Response error_response(const ApiError& error, std::string_view request_id) {
  http::Response response = json_response(error.status, error_body(error, request_id));
  if (error.retry_after) response.headers.push_back({"retry-after", std::to_string(*error.retry_after)});
  return response;
}

http::Response control_error(int status, std::string_view what) {
  return json_response(status, json::object{{"error", what}});
}

}  // namespace keyfob::sim
