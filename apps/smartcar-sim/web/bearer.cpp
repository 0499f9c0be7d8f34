#include "web/bearer.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "web/json.hpp"

namespace keyfob::sim {
namespace {

bool opens(const Grant& grant, std::string_view vehicle) {
  return std::ranges::find(grant.consent.vehicles, vehicle) != grant.consent.vehicles.end();
}

ApiError disconnected(const Call& call) {
  const bool as_401 = call.world().settings().after_disconnect == AfterDisconnect::authentication_401;
  return api_error(as_401 ? "AUTHENTICATION" : "PERMISSION");
}

}  // namespace

std::string bearer_of(const http::Request& request) {
  const std::string_view header = request.header("authorization").value_or("");
  return header.size() > 7 && http::equal_no_case(header.substr(0, 7), "Bearer ") ? std::string(header.substr(7)) : "";
}

std::string management_token_of(const http::Request& request) {
  const std::string_view header = request.header("authorization").value_or("");
  if (!header.starts_with("Basic ")) return bearer_of(request);
  const auto bytes = from_base64(header.substr(6)).value_or(Bytes());
  const std::string_view pair = as_text(bytes);
  constexpr std::string_view kUser = "default:";
  return pair.starts_with(kUser) ? std::string(pair.substr(kUser.size())) : "";
}

http::Response refuse(const Call& call, const ApiError& error) { return error_response(error, call.entry.request_id); }

bool covers(const Grant& grant, std::string_view permission) {
  return permission.empty() || grant.consent.scopes.contains(permission);
}

AdmissionAnswer admit_account(Call& call) {
  const std::string token = bearer_of(call.request);
  if (token.empty()) return std::unexpected(api_error("AUTHENTICATION"));
  call.entry.credential = digest_of(token);
  const Grant* grant = call.world().desk.open_access(token, call.now);
  if (grant == nullptr) return std::unexpected(api_error("AUTHENTICATION"));
  call.entry.user = grant->consent.user;
  const bool gone = grant->revoked && grant->consent.vehicles.empty();
  if (gone && call.world().settings().after_disconnect == AfterDisconnect::authentication_401) {
    return std::unexpected(disconnected(call));
  }
  return Admission{grant, nullptr};
}

AdmissionAnswer admit_vehicle(Call& call, std::string_view permission) {
  auto admission = admit_account(call);
  if (!admission) return admission;
  const std::string& id = call.captured("id");
  call.entry.vehicle = id;
  if (!looks_like_uuid(id)) {
    ApiError error = api_error("VALIDATION", "PARAMETER", "The vehicle id is not valid.");
    error.field = "vehicle_id";
    return std::unexpected(std::move(error));
  }
  admission->vehicle = call.world().owners.vehicle(id);
  if (admission->vehicle == nullptr || !opens(*admission->grant, id)) return std::unexpected(disconnected(call));
  if (!covers(*admission->grant, permission)) return std::unexpected(api_error("PERMISSION"));
  return admission;
}

}  // namespace keyfob::sim
