#include "api/consent_page.hpp"

#include <string>
#include <string_view>

namespace keyfob::api {
namespace {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

http::Response page(int status, std::string_view title, std::string_view text) {
  http::Response response;
  response.status = status;
  response.headers = {{"Content-Type", "text/html; charset=utf-8"},
                      {"Cache-Control", "no-store"},
                      {"Referrer-Policy", "no-referrer"},
                      {"X-Content-Type-Options", "nosniff"},
                      {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"}};
  response.body = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>" + escaped(title) +
                  "</title>\n<h1>" + escaped(title) + "</h1>\n<p>" + escaped(text) + "</p>\n</html>\n";
  return response;
}

/// Adds a parameter to a URL, in front of its fragment.
std::string with_parameter(std::string_view url, std::string_view name, std::string_view value) {
  const std::string_view base = url.substr(0, url.find('#'));
  const char separator = base.find('?') == std::string_view::npos ? '?' : '&';
  std::string out(base);
  ((out += separator).append(name) += '=').append(http::encode_component(value));
  return out.append(url.substr(base.size()));
}

}  // namespace

http::Response back_to_application(const engine::CallbackResult& result) {
  std::string target = result.grant ? with_parameter(result.return_to, "grant", result.grant->id.view())
                                    : with_parameter(result.return_to, "error", result.error);
  for (const auto& [name, value] : result.details) target = with_parameter(target, name, value);
  if (result.grant && result.unconfirmed) target = with_parameter(target, "confirm", "required");
  http::Response response;
  response.status = 303;
  response.headers = {{"Location", target}, {"Cache-Control", "no-store"}, {"Referrer-Policy", "no-referrer"}};
  return response;
}

http::Response consent_page(const engine::CallbackResult& result) {
  if (result.grant) return page(200, "Connected", "Your vehicle is connected. You can close this page.");
  const std::string why = result.detail.empty() ? result.error : result.detail;
  return page(403, "Not connected", "Nothing was connected: " + why + ". You can close this page and try again.");
}

http::Response consent_page(const Problem& problem) {
  std::string text = problem.detail + ".";
  if (!problem.hint.empty()) text += " What to do: " + problem.hint + ".";
  http::Response response = page(problem.status, "Not connected", text);
  response.headers.push_back({"Keyfob-Error", problem.code});
  return response;
}

}  // namespace keyfob::api
