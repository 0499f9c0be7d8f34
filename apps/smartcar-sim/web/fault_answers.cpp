#include "web/fault_answers.hpp"

#include "web/json.hpp"

namespace keyfob::sim {
namespace {

using Ending = http::StagedResponse::Ending;

constexpr std::string_view kProxyPage =
    "<html><head><title>Gateway</title></head><body><h1>Please wait</h1></body></html>\n";

std::string or_else(const std::string& text, std::string_view otherwise) {
  return text.empty() ? std::string(otherwise) : text;
}

http::Response token_status(const Fault& fault) {
  if (fault.error_type == "html") return text_response(fault.status, "text/html", std::string(kProxyPage));
  const std::string_view usual = fault.status == 429   ? "slow_down"
                                 : fault.status == 401 ? "invalid_client"
                                 : fault.status < 500  ? "invalid_request"
                                                       : "server_error";
  return json_response(fault.status,
                       json::object{{"error", or_else(fault.error_type, usual)},
                                    {"error_description", or_else(fault.description, "A fault of the simulator.")}});
}

std::string_view type_for(int status) {
  switch (status) {
    case 400: return "VALIDATION";
    case 401: return "AUTHENTICATION";
    case 403: return "PERMISSION";
    case 404: return "RESOURCE_NOT_FOUND";
    case 409: return "VEHICLE_STATE";
    case 429: return "RATE_LIMIT";
    case 430: return "BILLING";
    case 501: return "COMPATIBILITY";
    case 502: return "UPSTREAM";
    default: return "SERVER";
  }
}

http::Response api_status(const Fault& fault, const Call& call) {
  if (fault.error_type == "html") return text_response(fault.status, "text/html", std::string(kProxyPage));
  if (call.request.path().starts_with("/v3")) {
    return v3_error(fault.status, or_else(fault.error_type, type_for(fault.status)), or_else(fault.error_code, "FAULT"),
                    call.entry.request_id, fault.description);
  }
  ApiError error = api_error(or_else(fault.error_type, type_for(fault.status)), fault.error_code, fault.description);
  if (fault.error_type.empty()) error.status = fault.status;
  return error_response(error, call.entry.request_id);
}

http::Response status_answer(const Fault& fault, const Call& call) {
  const bool at_token = call.request.path().starts_with("/oauth");
  http::Response response = at_token ? token_status(fault) : api_status(fault, call);
  std::erase_if(response.headers, [](const http::Header& h) { return h.name == "retry-after"; });
  if (fault.retry_after) response.headers.push_back({"retry-after", std::to_string(*fault.retry_after)});
  return response;
}

http::Response without_field(http::Response response, std::string_view field) {
  auto body = parse_object(response.body);
  if (!body) return response;
  body->erase(field);
  response.body = to_text(*body);
  return response;
}

}  // namespace

http::StagedResponse misbehave(const Fault& fault, const Call& call, http::Response response) {
  http::StagedResponse staged;
  staged.response = std::move(response);
  switch (fault.kind) {
    case FaultKind::drop: staged.ending = Ending::dropped; break;
    case FaultKind::reset: staged.ending = Ending::reset; break;
    case FaultKind::status: staged.response = status_answer(fault, call); break;
    case FaultKind::html200: staged.response = text_response(200, "text/html", std::string(kProxyPage)); break;
    case FaultKind::cut_json: staged.response.body.resize(staged.response.body.size() / 2); break;
    case FaultKind::cut_body:
      staged.ending = Ending::cut;
      staged.cut_at = staged.response.body.size() / 2;
      break;
    case FaultKind::missing_field: staged.response = without_field(std::move(staged.response), fault.field); break;
    case FaultKind::delay:
    case FaultKind::hold:
    case FaultKind::duplicate: break;
  }
  return staged;
}

http::Response v3_error(int status, std::string_view type, std::string_view code, std::string_view request_id,
                        std::string_view detail) {
  json::object error{{"status", std::to_string(status)},
                     {"type", type},
                     {"code", code},
                     {"title", code},
                     {"detail", detail.empty() ? code : detail},
                     {"links", json::object{{"about", "https://smartcar.com/docs/errors/v3"}}},
                     {"meta", json::object{{"debug", json::object{{"requestId", request_id}}}}}};
  return json_response(status, json::object{{"errors", json::array{std::move(error)}}});
}

}  // namespace keyfob::sim
