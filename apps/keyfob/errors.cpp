#include "apps/keyfob/errors.hpp"

#include <boost/json.hpp>

#include "apps/keyfob/table.hpp"

namespace keyfob::cli {
namespace {

namespace json = boost::json;

std::string_view default_hint(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument: return "see `keyfob COMMAND --help`";
    case ErrorCode::not_found: return "`keyfob app list`, `caller list` and `grant list` show what there is";
    case ErrorCode::conflict: return "look at what is there now and try again";
    case ErrorCode::unauthenticated:
    case ErrorCode::forbidden: return "run it as the user that owns the state directory";
    case ErrorCode::refused: return "the vehicle's owner has to consent again: `keyfob connect`";
    case ErrorCode::unavailable:
    case ErrorCode::timeout: return "try again; `keyfob status` shows what is reachable";
    case ErrorCode::damaged: return "the record was left as it is; restore it from a backup or import the grant again";
    case ErrorCode::limit: return "docs/reference lists the limits";
    case ErrorCode::cancelled: return "run it again";
    case ErrorCode::unsafe: return "take the rights of group and others away: chmod 600 FILE, chmod 700 DIR";
    case ErrorCode::internal: return "this is a bug: please report it with the output of `keyfob version`";
  }
  return "see `keyfob --help`";
}

ErrorCode code_for_status(int status, std::string_view problem) {
  if (problem == "record_damaged") return ErrorCode::damaged;
  switch (status) {
    case 400:
    case 413:
    case 415:
    case 422: return ErrorCode::invalid_argument;
    case 401:
    case 403: return ErrorCode::forbidden;
    case 404: return ErrorCode::not_found;
    case 409: return ErrorCode::conflict;
    case 424: return ErrorCode::refused;
    case 502:
    case 503: return ErrorCode::unavailable;
    case 504: return ErrorCode::timeout;
    default: return ErrorCode::internal;
  }
}

std::string text_member(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

}  // namespace

ExitCode exit_code_for(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
    case ErrorCode::limit: return ExitCode::usage;
    case ErrorCode::not_found: return ExitCode::not_found;
    case ErrorCode::unauthenticated:
    case ErrorCode::forbidden:
    case ErrorCode::unsafe: return ExitCode::refused;
    default: return ExitCode::failed;
  }
}

std::string describe(const Error& error) {
  std::string what = error.what.empty() ? std::string(to_string(error.code)) : error.what;
  if (!error.peer_text.empty()) what += " (the peer said: " + error.peer_text + ")";
  const std::string hint = error.hint.empty() ? std::string(default_hint(error.code)) : error.hint;
  return "keyfob: " + printable(what) + "\nhint: " + printable(hint) + "\n";
}

Error error_from(const http::Response& response) {
  json::object problem;
  boost::system::error_code failure;
  auto parsed = json::parse(response.body, failure);
  if (!failure && parsed.is_object()) problem = std::move(parsed.as_object());
  const std::string code = text_member(problem, "code");
  std::string what = text_member(problem, "detail");
  if (what.empty()) what = text_member(problem, "title");
  if (what.empty()) what = "the daemon answered with status " + std::to_string(response.status);
  if (!code.empty()) what += " [" + code + "]";
  return {code_for_status(response.status, code), std::move(what), text_member(problem, "hint"), {}};
}

}  // namespace keyfob::cli
