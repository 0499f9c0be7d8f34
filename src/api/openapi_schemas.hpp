#pragma once
// What bodies look like: the schemas of /openapi.json, and which endpoint takes and answers which.

#include <optional>
#include <string_view>

namespace keyfob::api {

/// JSON Schema (2020-12), by name, as the text of one JSON object.
[[nodiscard]] std::string_view schemas_json();
/// The schema of a parameter, as JSON text; a text when nothing more is known of it.
[[nodiscard]] std::string_view parameter_json(std::string_view name);

/// Names of schemas; empty: there is no JSON body.
struct Shape {
  std::string_view endpoint;  ///< "GET /v1/grants"
  std::string_view request;
  int status = 200;  ///< of the success that `response` belongs to
  std::string_view response;
};

/// Empty when none is written down: then /openapi.json only says that there is the endpoint.
[[nodiscard]] std::optional<Shape> shape_of(std::string_view method, std::string_view path);

}  // namespace keyfob::api
