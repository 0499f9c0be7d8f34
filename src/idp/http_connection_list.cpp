#include "idp/http_connection_list.hpp"

#include <boost/json.hpp>
#include <charconv>

#include "core/limits.hpp"
#include "oauth/token_codec.hpp"

namespace keyfob::idp {
namespace {

namespace json = boost::json;

constexpr std::size_t kBody = 4UL << 20U;
constexpr std::string_view kManagementPath = "/v2.0/management/connections";
constexpr std::string_view kApplicationPath = "/v3/connections";

std::optional<std::string> id_at(const json::value& at, std::string_view pointer, std::size_t longest) {
  json::error_code error;
  const json::value* found = at.find_pointer(pointer, error);
  if (found == nullptr || !found->is_string()) return std::nullopt;
  const std::string_view text = found->get_string();
  if (text.empty() || text.size() > longest) return std::nullopt;
  return std::string(text);
}

std::optional<Connection> connection_at(const json::value& item, std::string_view user, std::string_view vehicle) {
  auto whose = id_at(item, user, limits::kProviderUserId);
  auto which = id_at(item, vehicle, limits::kVehicleId);
  if (!whose || !which) return std::nullopt;
  return Connection{ProviderUserId(std::move(*whose)), VehicleId(std::move(*which))};
}

/// Null: the body is no object with such a list.
const json::array* list_in(const json::value& body, std::string_view name) {
  const json::value* list = body.is_object() ? body.get_object().if_contains(name) : nullptr;
  return list != nullptr && list->is_array() ? &list->get_array() : nullptr;
}

json::value parsed(std::string_view body) {
  json::error_code error;
  json::value value = json::parse(body, error);
  return error ? json::value() : value;
}

/// The origin of the profile's own route for this path and credential; empty: it has none.
std::string origin_for(const ProviderProfile& profile, CredentialKind kind, std::string_view path) {
  for (const RouteRule& route : profile.routes) {
    const std::string_view fixed = std::string_view(route.match).substr(0, route.match.find('*'));
    if (route.credential != kind || fixed.size() < 4) continue;
    const std::string_view trimmed = fixed.ends_with('/') ? fixed.substr(0, fixed.size() - 1) : fixed;
    if (path.starts_with(trimmed)) return route.origin;
  }
  return {};
}

void add(std::string& target, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  target += target.find('?') == std::string::npos ? '?' : '&';
  target.append(name).append("=").append(http::encode_component(value));
}

std::string target_of(const ConnectionsQuery& query, bool management) {
  std::string target(management ? kManagementPath : kApplicationPath);
  add(target, management ? "limit" : "page%5Bsize%5D", "100");
  add(target, management ? "user_id" : "filter%5BuserId%5D", query.provider_user.view());
  add(target, management ? "vehicle_id" : "filter%5BvehicleId%5D", query.vehicle.view());
  add(target, management ? "cursor" : "page%5Bnumber%5D", query.cursor);
  return target;
}

std::size_t number_of(std::string_view cursor) {
  std::size_t page = 1;
  std::from_chars(cursor.data(), cursor.data() + cursor.size(), page);
  return page;
}

Error problem(std::string_view did, const http::ClientOutcome& outcome) {
  const std::string what(did);
  if (!outcome) return {outcome.error().code, what + ": " + outcome.error().what};
  const std::string said = std::to_string(outcome->status) + " to " + what;
  if (outcome->status == 401 || outcome->status == 403)
    return {ErrorCode::refused, said + ": the application's credential is not accepted",
            "keyfob app set NAME --management-token @FILE"};
  return {ErrorCode::unavailable, said, "try again later"};
}

}  // namespace

std::optional<ConnectionPage> read_management_page(std::string_view body) {
  const json::value value = parsed(body);
  const json::array* list = list_in(value, "connections");
  if (list == nullptr) return std::nullopt;
  ConnectionPage page;
  for (const json::value& item : *list) {
    auto one = connection_at(item, "/userId", "/vehicleId");
    if (!one) return std::nullopt;
    page.connections.push_back(std::move(*one));
  }
  page.next_cursor = id_at(value, "/paging/cursor", 4096).value_or("");
  return page;
}

std::optional<ConnectionPage> read_application_page(std::string_view body, std::size_t page_number) {
  const json::value value = parsed(body);
  const json::array* list = list_in(value, "data");
  if (list == nullptr) return std::nullopt;
  ConnectionPage page;
  for (const json::value& item : *list) {
    auto one = connection_at(item, "/relationships/user/data/id", "/relationships/vehicle/data/id");
    if (!one) one = connection_at(item, "/attributes/user/id", "/relationships/vehicle/data/id");
    if (!one) return std::nullopt;
    one->id = id_at(item, "/id", limits::kVehicleId).value_or("");
    page.connections.push_back(std::move(*one));
  }
  const bool more = id_at(value, "/links/next", 8192).has_value();
  if (more && !page.connections.empty()) page.next_cursor = std::to_string(page_number + 1);
  return page;
}

Task<http::ClientOutcome> HttpConnectionList::ask(const ProviderProfile* profile, http::ClientRequest request,
                                                  Secret authorization) {
  request.headers.emplace_back("User-Agent", wiped_string(oauth::user_agent(*profile)));
  request.headers.emplace_back("Accept", wiped_string("application/json"));
  request.headers.emplace_back("Authorization", wiped_string(reveal_secret(authorization)));
  const BootTime end = clock_.boot() + timeout_;
  const http::ClientLimits limits{.send_before = end, .give_up_at = end, .body_bytes = kBody};
  http::ClientOutcome outcome = co_await client_.exchange(std::move(request), limits);
  co_return outcome;
}

Task<Result<void>> HttpConnectionList::disconnect(Disconnection what) {
  const auto keep = profiles_;
  const auto profile = keep->find(what.provider);
  if (profile == keep->end()) co_return fail(ErrorCode::invalid_argument, "no provider named " + what.provider);
  http::ClientRequest request{.method = "DELETE"};
  request.origin = origin_for(profile->second, CredentialKind::application, kApplicationPath);
  if (request.origin.empty())
    co_return fail(ErrorCode::not_found, "provider " + what.provider + " has no list of connections");
  request.target = wiped_string(std::string(kApplicationPath) + "/" + http::encode_component(what.id));
  const http::ClientOutcome outcome = co_await ask(&profile->second, std::move(request), std::move(what.authorization));
  const bool ended = outcome && (outcome->status == 404 || outcome->status == 410 ||
                                 (outcome->status >= 200 && outcome->status < 300));
  if (!ended) co_return fail(problem("DELETE connection", outcome));
  co_return Result<void>();
}

Task<Result<ConnectionPage>> HttpConnectionList::connections(ConnectionsQuery query) {
  const auto keep = profiles_;
  const auto profile = keep->find(query.provider);
  if (profile == keep->end()) co_return fail(ErrorCode::invalid_argument, "no provider named " + query.provider);
  const bool management = query.credential == CredentialKind::management;
  http::ClientRequest request{.method = "GET"};
  request.origin = origin_for(profile->second, query.credential, management ? kManagementPath : kApplicationPath);
  if (request.origin.empty())
    co_return fail(ErrorCode::not_found, "provider " + query.provider + " has no list of connections");
  request.target = wiped_string(target_of(query, management));
  const http::ClientOutcome outcome =
      co_await ask(&profile->second, std::move(request), std::move(query.authorization));
  if (!outcome || outcome->status != 200 || outcome->cut) co_return fail(problem("GET connections", outcome));
  auto page = management ? read_management_page(std::string_view(outcome->body))
                         : read_application_page(std::string_view(outcome->body), number_of(query.cursor));
  if (!page) co_return fail(ErrorCode::unavailable, "GET connections: an answer that makes no sense");
  co_return std::move(*page);
}

}  // namespace keyfob::idp
