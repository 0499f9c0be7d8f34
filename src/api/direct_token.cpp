#include "api/direct_token.hpp"

#include <optional>

#include "api/disclose.hpp"
#include "api/record.hpp"
#include "api/render.hpp"
#include "http/response_head.hpp"

namespace keyfob::api {
namespace {

constexpr std::string_view kPath = "/v1/token";

/// `user` and `vehicle`, each at most once, not empty and not encoded; nothing else.
std::optional<Subject> plain_subject(std::string_view query) {
  Subject subject;
  while (!query.empty()) {
    const std::string_view field = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), field.size() + 1));
    const auto equals = std::min(field.find('='), field.size());
    const std::string_view name = field.substr(0, equals);
    const std::string_view value = field.substr(std::min(equals + 1, field.size()));
    std::string_view& target = name == "user" ? subject.user : subject.vehicle;
    const bool known = name == "user" || name == "vehicle";
    if (!known || value.empty() || !target.empty() || value.find_first_of("%+") != std::string_view::npos) return {};
    target = value;
  }
  return subject;
}

}  // namespace

DirectToken::DirectToken(Services& services)
    : services_(services),
      endpoint_(*match_endpoint("GET", kPath).endpoint),
      headers_(http::header_lines(json_response(200, {}))),
      usual_headers_(headers_.size()) {
  headers_.reserve(usual_headers_ + http::kRequestIdHeader.size() + http::kRequestIdLength + 4);
}

bool DirectToken::wants(const http::RequestHead& request) {
  return request.path() == kPath && request.method == http::Method::get && !request.has_body();
}

bool DirectToken::answer(http::Exchange& exchange, std::expected<const Admission*, AccessProblem> caller) {
  auto given = exchange.request().find("x-request-id");
  if (given && !http::is_request_id(*given)) given.reset();
  if (!caller) {
    // Asked once: a second look would count a second failure.
    Problem refusal = problem_of(caller.error());
    refusal.request_id = given ? std::string(*given) : services_.request_ids.next(services_.clock.wall());
    count_refusal(services_, endpoint_, {}, refusal.request_id, refusal);
    http::Response response = to_response(refusal);
    response.headers.push_back({std::string(http::kRequestIdHeader), refusal.request_id});
    exchange.respond(response);
    return true;
  }
  const bool found = find(**caller, exchange.request().query()) && recorded(**caller);
  if (found) {
    disclose_token(body_, slot_, services_.clock.wall());
    headers_.resize(usual_headers_);
    if (given) headers_.append(http::kRequestIdHeader).append(": ").append(*given).append("\r\n");
    exchange.respond(http::Answer{.status = 200, .headers = headers_, .body = body_});
    wipe(body_.data(), body_.size());
    body_.clear();
  }
  slot_.clear();
  return found;
}

/// The first disclosure of each minute has to be durable first, and so takes the other way.
bool DirectToken::recorded(const Admission& caller) {
  AuditLog* const log = services_.options.audit;
  return log == nullptr || log->count_disclosure({caller.name, caller.app.view(), slot_.grant});
}

bool DirectToken::find(const Admission& caller, std::string_view query) {
  const bool ready = !services_.options.ready || services_.options.ready();
  if (!ready || caller.app.empty() || !permitted(endpoint_, caller)) return false;
  const auto subject = plain_subject(query);
  if (!subject || !may_ask(caller, *subject)) return false;
  return services_.engine.try_get(caller.app, *subject, slot_) && may_see(caller, slot_.user).has_value();
}

}  // namespace keyfob::api
