#include "api/openapi.hpp"

#include <boost/json.hpp>
#include <cctype>

#include "api/api.hpp"
#include "api/endpoint.hpp"
#include "api/openapi_schemas.hpp"

namespace keyfob::api {
namespace {

namespace json = boost::json;

json::value parse(std::string_view text) { return json::parse(json::string_view(text.data(), text.size())); }

json::object content_of(std::string_view schema, std::string_view type = "application/json") {
  return {{type, {{"schema", {{"$ref", "#/components/schemas/" + std::string(schema)}}}}}};
}

json::object parameter(std::string_view name, std::string_view where) {
  return {{"name", name}, {"in", where}, {"required", where == "path"}, {"schema", parse(parameter_json(name))}};
}

json::array parameters_of(const Endpoint& endpoint) {
  json::array out;
  const auto brace = endpoint.path.find('{');
  if (brace != std::string_view::npos) {
    const auto end = endpoint.path.find('}', brace);
    out.emplace_back(parameter(endpoint.path.substr(brace + 1, end - brace - 1), "path"));
  }
  std::string_view names = endpoint.query == "*" ? std::string_view() : endpoint.query;
  while (!names.empty()) {
    const auto end = std::min(names.find(' '), names.size());
    out.emplace_back(parameter(names.substr(0, end), "query"));
    names.remove_prefix(std::min(end + 1, names.size()));
  }
  if (endpoint.trait == Trait::creates) out.emplace_back(parameter("Idempotency-Key", "header"));
  return out;
}

json::object failure() {
  return {{"description", "A problem document (RFC 9457); the header Keyfob-Error has its code"},
          {"content", content_of("Problem", "application/problem+json")}};
}

/// Revoking at the provider has two good ends; everything else has one.
json::object responses_of(const Endpoint& endpoint, const std::optional<Shape>& shape) {
  if (!shape) return {{"2XX", {{"description", "Done"}}}, {"default", failure()}};
  json::object done = {{"description", "Done"}};
  if (!shape->response.empty()) done["content"] = content_of(shape->response);
  json::object out = {{std::to_string(shape->status), std::move(done)}};
  if (endpoint.method == "DELETE") out["204"] = json::object{{"description", "Done"}};
  out["default"] = failure();
  return out;
}

json::object operation(const Endpoint& endpoint) {
  const auto shape = shape_of(endpoint.method, endpoint.path);
  json::object out = {{"summary", endpoint.summary},
                      {"parameters", parameters_of(endpoint)},
                      {"responses", responses_of(endpoint, shape)}};
  if (shape && !shape->request.empty()) out["requestBody"] = json::object{{"content", content_of(shape->request)}};
  if (endpoint.trait == Trait::bulk) {
    const std::size_t most = endpoint.path.ends_with(":import") ? kImportLines : kProbeLines;
    out["requestBody"] = json::object{{"description", "JSON lines, each a NewGrant; at most " + std::to_string(most)},
                                      {"content", {{"application/x-ndjson", json::object()}}}};
  }
  if (endpoint.audience == Audience::anybody) {
    out["security"] = json::array();
  } else if (endpoint.audience != Audience::caller) {
    out["x-permission"] = to_string(endpoint.permission);
    out["x-whole-installation"] = endpoint.audience == Audience::operators;
  }
  return out;
}

/// Answered by the gateway before a request reaches this API, and only there.
json::object authz_operation() {
  json::array headers;
  for (const char* name : {"X-Original-Method", "X-Original-URI"}) headers.emplace_back(parameter(name, "header"));
  return {{"summary",
           "Whether another gateway may make a call, and with which headers (nginx auth_request, Envoy ext_authz)"},
          {"parameters", std::move(headers)},
          {"responses",
           {{"200", {{"description", "Make it, with the Authorization and further headers of this answer"}}},
            {"401", {{"description", "The caller is unknown"}}},
            {"403", {{"description", "Anything else; the header Keyfob-Error has the code"}}}}},
          {"x-permission", to_string(Permission::token_read)}};
}

json::object components() {
  return {{"schemas", parse(schemas_json())},
          {"securitySchemes", {{"apiKey", {{"type", "http"}, {"scheme", "bearer"}}}}}};
}

std::string lower(std::string_view method) {
  std::string out;
  for (const char c : method) out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

}  // namespace

std::string openapi_json(std::string_view version) {
  json::object paths;
  for (const Endpoint& endpoint : endpoints()) {
    auto [path, added] = paths.emplace(endpoint.path, json::object());
    path->value().as_object()[lower(endpoint.method)] = operation(endpoint);
  }
  paths["/v1/authz"] = json::object{{"get", authz_operation()}};
  const json::array needs_key = {json::object{{"apiKey", json::array()}}};
  return json::serialize(json::object{{"openapi", "3.1.0"},
                                      {"info", {{"title", "Keyfob"}, {"version", version}}},
                                      {"security", needs_key},
                                      {"paths", std::move(paths)},
                                      {"components", components()}});
}

}  // namespace keyfob::api
