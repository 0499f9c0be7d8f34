#include "web/v3_call.hpp"

#include <algorithm>

#include "web/bearer.hpp"
#include "web/fault_answers.hpp"

namespace keyfob::sim {

http::Response refuse_v3(const Call& call, const V3Problem& p) {
  return v3_error(p.status, p.type, p.code, call.entry.request_id, p.detail);
}

V3Answer<V3Caller> application_of(const Call& call) {
  const std::string token = bearer_of(call.request);
  call.entry.credential = digest_of(token);
  const std::string* client = call.world().open_app_token(token, call.now);
  if (client == nullptr) return std::unexpected(kUnauthorized);
  V3Caller caller{*client, std::string(call.request.header("sc-user-id").value_or("")), nullptr};
  call.entry.user = caller.user;
  return caller;
}

V3Answer<V3Caller> caller_of(const Call& call) {
  if (auto application = application_of(call)) return application;
  const Grant* grant = call.world().desk.open_access(bearer_of(call.request), call.now);
  if (grant == nullptr || !call.world().settings().v3_accepts_user_tokens) return std::unexpected(kUnauthorized);
  call.entry.user = grant->consent.user;
  return V3Caller{grant->consent.client, grant->consent.user, grant};
}

V3Answer<Connection> connection_for(const Call& call, const V3Caller& caller) {
  const std::string& id = call.captured("id");
  call.entry.vehicle = id;
  const auto found = call.world().connections([&](const Connection& c) {
    return c.vehicle == id && World::visible(c, caller.client) && (caller.user.empty() || c.user == caller.user);
  });
  if (found.empty()) return std::unexpected(kNoVehicle);
  const bool single = caller.grant != nullptr &&
                      std::ranges::find(caller.grant->consent.vehicles, id) == caller.grant->consent.vehicles.end();
  if (single) return std::unexpected(V3Problem{403, "AUTHENTICATION", "ACCESS_DENIED"});
  return found.front();
}

V3Answer<Connection> connection_for_user(const Call& call) {
  const auto caller = caller_of(call);
  if (!caller) return std::unexpected(caller.error());
  if (caller->user.empty()) {
    return std::unexpected(
        V3Problem{400, "VALIDATION", "MISSING_PARAMETER", "The userId is missing: send sc-user-id."});
  }
  return connection_for(call, *caller);
}

V3Answer<V3Page> v3_page(const Call& call, std::size_t total, PageSize usual) {
  const auto size = count_parameter(call, "page[size]", usual.usual, usual.most);
  const auto number = count_parameter(call, "page[number]", 1, 1'000'000);
  if (!size || !number || *size == 0 || *number == 0) {
    return std::unexpected(V3Problem{400, "VALIDATION", "BAD_REQUEST", "page[size] or page[number] is out of range"});
  }
  const std::size_t begin = std::min(total, (*number - 1) * *size);
  return V3Page{*number, *size, total, begin, std::min(total, begin + *size)};
}

json::object v3_links(const std::string& self) {
  return {{"self", self}, {"first", self}, {"last", self}, {"next", nullptr}, {"prev", nullptr}};
}

http::Response v3_list(const Call& call, json::array data, const V3Page& page) {
  json::object meta{{"pageNumber", page.number},
                    {"pageSize", page.size},
                    {"totalCount", page.total},
                    {"orderBy", "createdAt"},
                    {"orderDirection", "DESC"}};
  const std::string self(call.request.path());
  json::object links = v3_links(self);
  const auto numbered = [&](std::size_t number) { return self + "?page[number]=" + std::to_string(number); };
  if (page.end < page.total) links["next"] = numbered(page.number + 1);
  if (page.number > 1) links["prev"] = numbered(page.number - 1);
  return json_response(200,
                       json::object{{"data", std::move(data)}, {"meta", std::move(meta)}, {"links", std::move(links)}});
}

http::Response no_content() {
  http::Response response;
  response.status = 204;
  return response;
}

}  // namespace keyfob::sim
