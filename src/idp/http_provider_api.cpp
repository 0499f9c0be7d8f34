#include "idp/http_provider_api.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "base/url.hpp"
#include "core/limits.hpp"
#include "oauth/token_codec.hpp"

namespace keyfob::idp {
namespace {

namespace json = boost::json;

constexpr std::size_t kBody = 512 * 1024;

bool is_id(std::string_view text, std::size_t longest) {
  return !text.empty() && text.size() <= longest &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

/// What went wrong with `did` ("GET user"), in our own words.
Error problem(std::string_view did, const http::ClientOutcome& outcome) {
  const std::string what(did);
  if (!outcome) return {outcome.error().code, what + ": " + outcome.error().what};
  const int status = outcome->status;
  const std::string said = std::to_string(status) + " to " + what;
  if (status == 401) return {ErrorCode::refused, said + ": the access token is not accepted", "refresh it"};
  if (status == 429 || status >= 500 || status < 400) return {ErrorCode::unavailable, said, "try again later"};
  return {ErrorCode::refused, said};
}

bool succeeded(const http::ClientOutcome& outcome) {
  return outcome && outcome->status >= 200 && outcome->status < 300 && !outcome->cut;
}

std::optional<json::object> object_of(const http::ClientOutcome& outcome) {
  if (!succeeded(outcome)) return std::nullopt;
  json::error_code error;
  json::value value = json::parse(std::string_view(outcome->body), error);
  if (error || !value.is_object()) return std::nullopt;
  return std::move(value.get_object());
}

Error senseless(std::string_view did) {
  return {ErrorCode::unavailable, std::string(did) + ": an answer that makes no sense", "try again later"};
}

struct Page {
  std::vector<VehicleId> vehicles;
  std::optional<std::size_t> total{};
};

std::optional<Page> page_of(const json::object& object, const IdentityRule& rule) {
  const json::value* list = object.if_contains(rule.vehicles_field);
  if (list == nullptr || !list->is_array()) return std::nullopt;
  Page page;
  for (const json::value& item : list->get_array()) {
    if (!item.is_string() || !is_id(std::string_view(item.get_string()), limits::kVehicleId)) return std::nullopt;
    page.vehicles.emplace_back(std::string_view(item.get_string()));
  }
  const json::value* paging = object.if_contains("paging");
  const json::value* total =
      paging != nullptr && paging->is_object() ? paging->get_object().if_contains("count") : nullptr;
  json::error_code error;
  const auto number = total != nullptr ? total->to_number<std::size_t>(error) : 0;
  if (total != nullptr && !error) page.total = number;
  return page;
}

/// Adds what is new; false when nothing was.
bool add_new(std::vector<VehicleId>& all, std::vector<VehicleId> more) {
  const auto before = all.size();
  for (VehicleId& vehicle : more) {
    if (std::ranges::find(all, vehicle) == all.end()) all.push_back(std::move(vehicle));
  }
  return all.size() != before;
}

std::string with_page(const IdentityRule& rule, std::size_t offset) {
  const char first = rule.vehicles_url.find('?') == std::string::npos ? '?' : '&';
  return rule.vehicles_url + first + "limit=" + std::to_string(rule.page_size) + "&offset=" + std::to_string(offset);
}

std::string for_vehicle(std::string url, const VehicleId& vehicle) {
  constexpr std::string_view kPlace = "{vehicle}";
  const auto at = url.find(kPlace);
  if (at != std::string::npos) url.replace(at, kPlace.size(), http::encode_component(vehicle.view()));
  return url;
}

/// A firewall's page is no word of the provider about this vehicle.
bool is_gone(const http::ClientOutcome& outcome) {
  if (!outcome) return false;
  if (outcome->status == 404 || outcome->status == 410) return true;
  const auto type = http::find_header(outcome->headers, "content-type").value_or("");
  return outcome->status == 403 && type.find("html") == std::string_view::npos;
}

}  // namespace

/// A request with the access token.
struct HttpProviderApi::Call {
  std::string method;
  std::string url;
  AccessToken token;
};

HttpProviderApi::HttpProviderApi(std::shared_ptr<const oauth::ProfileTable> profiles, const http::Client& client,
                                 const Clock& clock, Milliseconds timeout)
    : profiles_(std::move(profiles)), client_(client), clock_(clock), timeout_(timeout) {}

const ProviderProfile* HttpProviderApi::profile(const std::string& name) const {
  const auto found = profiles_->find(name);
  return found == profiles_->end() ? nullptr : &found->second;
}

http::ClientLimits HttpProviderApi::limits() const {
  const BootTime end = clock_.boot() + timeout_;
  return {.send_before = end, .give_up_at = end, .body_bytes = kBody};
}

Task<http::ClientOutcome> HttpProviderApi::call(const ProviderProfile* profile, Call call) {
  const auto url = split_url(call.url);
  http::ClientRequest request{.method = call.method};
  request.origin = url ? std::string(url->origin) : "";
  request.target = wiped_string(url ? url->target : "");
  WipedString bearer = wiped_string("Bearer ", 16 + call.token.size());
  bearer.append(reveal_secret(call.token));
  request.headers.emplace_back("User-Agent", wiped_string(oauth::user_agent(*profile)));
  request.headers.emplace_back("Accept", wiped_string("application/json"));
  request.headers.emplace_back("Authorization", std::move(bearer));
  http::ClientOutcome outcome = co_await client_.exchange(std::move(request), limits());
  co_return outcome;
}

Task<Result<Identity>> HttpProviderApi::identity(std::string provider, AccessToken token) {
  const auto keep = profiles_;
  const ProviderProfile* const p = profile(provider);
  if (p == nullptr) co_return fail(ErrorCode::invalid_argument, "no provider named " + provider);
  Identity identity;
  if (!p->identity.user_url.empty()) {
    Call ask{.method = "GET", .url = p->identity.user_url, .token = token};
    const http::ClientOutcome outcome = co_await call(p, std::move(ask));
    if (!succeeded(outcome)) co_return fail(problem("GET user", outcome));
    const auto object = object_of(outcome);
    const json::value* id = object ? object->if_contains(p->identity.user_field) : nullptr;
    if (id == nullptr || !id->is_string() || !is_id(std::string_view(id->get_string()), limits::kProviderUserId)) {
      co_return fail(senseless("GET user"));
    }
    identity.provider_user = ProviderUserId(std::string_view(id->get_string()));
  }
  auto opened = co_await vehicles(p, std::move(token));
  if (!opened) co_return fail(std::move(opened.error()));
  identity.vehicles = *std::move(opened);
  co_return identity;
}

Task<Result<std::vector<VehicleId>>> HttpProviderApi::vehicles(const ProviderProfile* profile, AccessToken token) {
  std::vector<VehicleId> all;
  const IdentityRule& rule = profile->identity;
  if (rule.vehicles_url.empty()) co_return all;
  for (std::size_t offset = 0;;) {
    Call ask{.method = "GET", .url = with_page(rule, offset), .token = token};
    const http::ClientOutcome outcome = co_await call(profile, std::move(ask));
    if (!succeeded(outcome)) co_return fail(problem("GET vehicles", outcome));
    const auto object = object_of(outcome);
    auto page = object ? page_of(*object, rule) : std::nullopt;
    if (!page) co_return fail(senseless("GET vehicles"));
    const std::size_t size = page->vehicles.size();
    const std::optional<std::size_t> total = page->total;
    offset += size;
    if (!add_new(all, std::move(page->vehicles))) break;
    if (all.size() > limits::kVehiclesPerGrant) co_return fail(ErrorCode::limit, "more vehicles than a grant may have");
    if (size < rule.page_size && (!total || offset >= *total)) break;
  }
  std::ranges::sort(all);
  co_return all;
}

Task<Result<void>> HttpProviderApi::revoke(Revocation request) {
  const auto keep = profiles_;
  const ProviderProfile* const p = profile(request.provider);
  if (p == nullptr) co_return fail(ErrorCode::invalid_argument, "no provider named " + request.provider);
  if (!p->revoke.vehicle_url.empty()) {
    std::vector<VehicleId> known = request.vehicles;
    if (known.empty()) {
      auto found = co_await vehicles(p, request.pair.access);
      if (!found) co_return fail(std::move(found.error()));
      known = *std::move(found);
    }
    auto done = co_await revoke_vehicles(p, request.pair.access, std::move(known));
    if (!done) co_return done;
  }
  if (p->revoke.revocation_url.empty()) co_return Result<void>();
  auto done = co_await revoke_token(p, std::move(request));
  co_return done;
}

Task<Result<void>> HttpProviderApi::revoke_vehicles(const ProviderProfile* profile, AccessToken token,
                                                    std::vector<VehicleId> vehicles) {
  Result<void> result;
  for (const VehicleId& vehicle : vehicles) {
    Call end{.method = "DELETE", .url = for_vehicle(profile->revoke.vehicle_url, vehicle), .token = token};
    const http::ClientOutcome outcome = co_await call(profile, std::move(end));
    if (succeeded(outcome) || is_gone(outcome)) continue;
    // The others are still worth ending, unless the token itself is refused.
    if (result) result = fail(problem("DELETE vehicle", outcome));
    if (outcome && outcome->status == 401) co_return fail(problem("DELETE vehicle", outcome));
  }
  co_return result;
}

Task<Result<void>> HttpProviderApi::revoke_token(const ProviderProfile* profile, Revocation request) {
  const oauth::RevocationRequest asked{std::move(request.client_id), std::move(request.client_secret),
                                       std::move(request.pair.refresh)};
  auto encoded = oauth::encode_revocation(*profile, asked);
  if (!encoded) co_return fail(std::move(encoded.error()));
  http::ClientRequest wire{.method = "POST", .origin = std::move(encoded->origin)};
  wire.target = std::move(encoded->target);
  wire.headers = std::move(encoded->headers);
  wire.body = std::move(encoded->body);
  const http::ClientOutcome outcome = co_await client_.exchange(std::move(wire), limits());
  if (succeeded(outcome)) co_return Result<void>();
  // Here 401 speaks of the client's credentials: "401 ..." would make the engine refresh the token.
  Error error = problem("POST revocation", outcome);
  if (outcome && outcome->status == 401)
    error = {ErrorCode::refused, "revocation: the client's credentials are refused (401)"};
  co_return fail(std::move(error));
}

}  // namespace keyfob::idp
