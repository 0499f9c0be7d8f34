#include "model/api_errors.hpp"

#include <algorithm>
#include <array>

namespace keyfob::sim {
namespace {

struct Row {
  std::string_view type;
  std::string_view code;  // "*" is every other code of the type
  int status;
  std::string_view resolution;
  std::string_view description;
};

// The first row that fits counts.
constexpr std::array kRows{
    Row{"AUTHENTICATION", "*", 401, "",
        "The authorization header is missing or malformed, or it contains invalid or expired credentials."},
    Row{"PERMISSION", "*", 403, "REAUTHENTICATE",
        "Your application has insufficient permissions to access the requested resource."},
    Row{"VALIDATION", "*", 400, "", "The request has invalid parameters."},
    Row{"RESOURCE_NOT_FOUND", "VERSION", 404, "", "The requested version of the API does not exist."},
    Row{"RESOURCE_NOT_FOUND", "*", 404, "", "The requested resource does not exist."},
    Row{"BILLING", "*", 430, "CONTACT_SUPPORT", "Your account's plan does not cover this request."},
    Row{"RATE_LIMIT", "VEHICLE", 429, "RETRY_LATER", "You have reached the throttling rate limit for this vehicle."},
    Row{"RATE_LIMIT", "*", 429, "RETRY_LATER", "Your application has exceeded its rate limit."},
    Row{"COMPATIBILITY", "*", 501, "", "The vehicle is incapable of performing your request."},
    Row{"CONNECTED_SERVICES_ACCOUNT", "AUTHENTICATION_FAILED", 400, "REAUTHENTICATE",
        "The owner's connected services account has to be authenticated again."},
    Row{"CONNECTED_SERVICES_ACCOUNT", "PERMISSION", 400, "REAUTHENTICATE",
        "The owner has withdrawn a permission at the manufacturer."},
    Row{"CONNECTED_SERVICES_ACCOUNT", "VIRTUAL_KEY_REQUIRED", 400, "ACTION_REQUIRED",
        "The owner has to add a virtual key to the vehicle."},
    Row{"CONNECTED_SERVICES_ACCOUNT", "*", 400, "ACTION_REQUIRED",
        "The owner has to act on the connected services account."},
    Row{"VEHICLE_STATE", "UNKNOWN", 409, "RETRY_LATER",
        "The vehicle was unable to perform your request due to an unknown issue."},
    Row{"VEHICLE_STATE", "ASLEEP", 409, "RETRY_LATER",
        "The vehicle is in a sleep state and temporarily unable to perform your request."},
    Row{"VEHICLE_STATE", "UNREACHABLE", 409, "RETRY_LATER",
        "The vehicle was unable to perform your request because it could not be reached."},
    Row{"VEHICLE_STATE", "*", 409, "", "The state of the vehicle does not allow your request."},
    Row{"SERVER", "INTERNAL", 500, "RETRY_LATER", "An internal server error occurred."},
    Row{"SERVER", "*", 500, "CONTACT_SUPPORT", "The server could not find what belongs to your request."},
    Row{"UPSTREAM", "*", 502, "RETRY_LATER", "The manufacturer's server did not answer as it should."},
};

std::string slug(std::string_view text, char separator) {
  std::string out(text.empty() ? "null" : text);
  std::ranges::transform(out, out.begin(), [&](char c) {
    if (c == '_') return separator;
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

}  // namespace

ApiError api_error(std::string_view type, std::string_view code, std::string_view description) {
  for (const Row& row : kRows) {
    if (row.type != type || (row.code != "*" && row.code != code)) continue;
    ApiError error{.type = std::string(type),
                   .code = std::string(code),
                   .status = row.status,
                   .resolution = std::string(row.resolution),
                   .description = std::string(description.empty() ? row.description : description)};
    if (error.status == 429 && error.code == "VEHICLE") error.retry_after = 60;
    return error;
  }
  return {.type = "SERVER",
          .code = "INTERNAL",
          .status = 500,
          .resolution = "CONTACT_SUPPORT",
          .description = "The simulator knows no error of type " + std::string(type) + "."};
}

std::string documentation_url(const ApiError& error) {
  const std::string page = slug(error.type, '-') + "-errors";
  return "https://smartcar.com/docs/errors/api-errors/" + page + "#" + slug(error.code, '-');
}

}  // namespace keyfob::sim
