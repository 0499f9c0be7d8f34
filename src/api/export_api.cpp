#include <boost/json.hpp>
#include <string>

#include "api/handlers.hpp"
#include "api/render.hpp"
#include "base/wiped_string.hpp"

namespace keyfob::api {
namespace {

namespace json = boost::json;

constexpr std::size_t kPage = 500;

bool is_local(const Call& call) { return call.admission->caller == CallerId("local"); }

void add_text(std::string& line, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  line.append(line.empty() ? "{\"" : ",\"").append(name).append("\":");
  line.append(json::serialize(json::string(value)));
}

void add_seconds(std::string& line, std::string_view name, Milliseconds left) {
  const auto whole = std::chrono::floor<seconds>(std::max(left, Milliseconds(0))).count();
  line.append(",\"").append(name).append("\":").append(std::to_string(whole));
}

/// A token is visible ASCII; only these two are written otherwise in JSON.
void add_token(std::string& line, std::string_view name, std::string_view token) {
  line.append(",\"").append(name).append("\":\"");
  for (const char c : token) {
    if (c == '"' || c == '\\') line += '\\';
    line += c;
  }
  line += '"';
}

/// What POST /v1/grants takes.
void append_line(std::string& body, const engine::ExportedGrant& exported, WallTime now) {
  const Grant& grant = exported.grant;
  std::string line;
  add_text(line, "user", grant.user.view());
  if (!engine::is_provisional(grant)) add_text(line, "provider_user", grant.provider_user.view());
  json::array vehicles;
  for (const VehicleId& vehicle : grant.vehicles) vehicles.emplace_back(vehicle.str());
  line.append(",\"vehicles\":").append(json::serialize(vehicles));
  add_text(line, "scope", grant.scope);
  if (grant.single_select) line.append(",\"single_select\":true");
  add_seconds(line, "expires_in", grant.access_expires_at - now);
  add_seconds(line, "refresh_expires_in", grant.refresh_expires_at - now);
  body.append(line);
  add_token(body, "access_token", reveal_secret(exported.pair.access));
  add_token(body, "refresh_token", reveal_secret(exported.pair.refresh));
  body.append("}");
}

std::size_t size_of(const engine::ExportPage& page) {
  std::size_t size = 256;
  for (const auto& one : page.grants) {
    const Grant& grant = one.grant;
    size += 512 + 6 * (grant.user.view().size() + grant.provider_user.view().size() + grant.scope.size());
    for (const VehicleId& vehicle : grant.vehicles) size += 3 + 6 * vehicle.view().size();
    size += 2 * (one.pair.access.size() + one.pair.refresh.size());
  }
  return size;
}

/// Every grant of the page, before any of its tokens goes out.
Task<Answer<void>> put_disclosures_on_record(Services& services, const AuditEntry* like,
                                             const engine::ExportPage* page) {
  AuditLog* const log = services.options.audit;
  if (log == nullptr) co_return Answer<void>();
  for (const auto& one : page->grants) {
    AuditEntry entry = *like;
    entry.action = "grant.exported";
    entry.outcome = "ok";
    entry.app = one.grant.app;
    entry.grant = one.grant.id;
    entry.user = one.grant.user;
    log->record(std::move(entry));
  }
  const Result<void> settled = co_await log->settled();
  if (settled) co_return Answer<void>();
  co_return refuse("store_unavailable", "the disclosures cannot be put on record, so nothing is disclosed");
}

Answer<GrantFilter> filter_of(const Services& services, const Call& call) {
  const auto app = app_of(services, call);
  if (!app) return std::unexpected(app.error());
  const auto limit = call.query.count("limit", kPage, 1000);
  if (!limit) return refuse(limit.error());
  GrantFilter filter;
  filter.app = (*app)->app().id;
  filter.limit = *limit;
  const auto cursor = from_hex(call.query.text("cursor"));
  if (!cursor) return refuse("bad_request", "the cursor is not one of ours");
  filter.cursor = std::string(as_text(*cursor));
  return filter;
}

}  // namespace

Task<Outcome> export_grants(Services& services, Call call) {
  if (!is_local(call)) {
    co_return refuse("forbidden", "tokens leave only on the machine itself", "run keyfob grant export there");
  }
  auto filter = filter_of(services, call);
  if (!filter) co_return std::unexpected(filter.error());
  const auto page = co_await services.engine.exporter().page(std::move(*filter));
  if (!page) co_return refuse(page.error());
  const auto recorded = co_await put_disclosures_on_record(services, call.note.get(), &*page);
  if (!recorded) co_return std::unexpected(recorded.error());
  std::string body;
  body.reserve(size_of(*page));  // never moves while tokens are in it
  body = "{\"grants\":[";
  for (const auto& one : page->grants) {
    if (!body.ends_with('[')) body += ',';
    append_line(body, one, services.clock.wall());
  }
  const json::object rest{
      {"without_tokens", page->without_tokens},
      {"damaged", page->damaged},
      {"unsettled", page->unsettled},
      {"next_cursor",
       page->next_cursor.empty() ? json::value(nullptr) : json::value(to_hex(as_bytes(page->next_cursor)))}};
  body.append("],").append(json::serialize(rest).substr(1));
  co_return json_response(200, std::move(body));
}

}  // namespace keyfob::api
