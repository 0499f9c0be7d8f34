#pragma once
// openapi: the API's table of endpoints as an OpenAPI 3.1 document: paths, methods, parameters, permissions. Made from
// the table that routes the requests, so it cannot name what is not there. It does not describe bodies yet.

#include <string>
#include <string_view>

namespace keyfob::api {

[[nodiscard]] std::string openapi_json(std::string_view version);

}  // namespace keyfob::api
