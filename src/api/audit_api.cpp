#include <array>
#include <boost/json.hpp>

#include "api/body_reader.hpp"
#include "api/handlers.hpp"
#include "api/render.hpp"

namespace keyfob::api {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostHeads = 10'000;

json::object record_object(const AuditRecord& record, const std::string& app) {
  const AuditEntry& entry = record.entry;
  return {{"at", to_rfc3339(entry.at)},
          {"actor", entry.actor},
          {"action", entry.action},
          {"outcome", entry.outcome},
          {"app", app},
          {"grant", entry.grant.str()},
          {"user", entry.user.str()},
          {"subject", entry.subject},
          {"count", entry.count},
          {"request_id", entry.request_id},
          {"node", record.node.str()},
          {"sequence", record.sequence},
          {"mac", to_hex(record.mac)}};
}

json::array head_array(const std::vector<AuditHead>& heads) {
  json::array out;
  for (const AuditHead& head : heads) out.push_back(json::string(to_text(head)));
  return out;
}

Answer<AuditReader*> reader_of(const Services& services) {
  if (services.options.audit_reader != nullptr) return services.options.audit_reader;
  return refuse("not_found", "this node keeps no audit trail");
}

/// A time (RFC 3339) or how long ago: "2026-01-02T03:04:05Z", "24h".
Answer<WallTime> read_since(const Services& services, const std::string& text) {
  if (text.empty()) return WallTime();
  if (const auto time = from_rfc3339(text)) return *time;
  if (const auto ago = parse_duration(text)) return services.clock.wall() - *ago;
  return refuse("bad_request", "since: neither a time nor a duration", "since=2026-01-02T03:04:05Z or since=24h");
}

/// Whoever reads wants to see what happened up to now. What cannot be written is not there to be read.
Task<void> write_counts(const Services& services) {
  if (services.options.audit == nullptr) co_return;
  const Result<void> written = co_await services.options.audit->write_counts();
  static_cast<void>(written);
}

Answer<std::vector<AuditHead>> read_heads(std::string_view body) {
  std::vector<AuditHead> heads;
  if (body.empty()) return heads;
  constexpr std::array<std::string_view, 1> kFields = {"heads"};
  BodyReader reader(body, kFields);
  const auto texts = reader.texts("heads");
  if (reader.error()) return refuse(*reader.error());
  if (texts.size() > kMostHeads) return refuse("limit_exceeded", "more than 10000 heads");
  for (const std::string& text : texts) {
    auto head = audit_head_from(text);
    if (!head) return refuse("bad_request", "heads: not \"NODE SEQUENCE MAC\"", "take them from /v1/audit/heads");
    heads.push_back(std::move(*head));
  }
  return heads;
}

}  // namespace

Task<Outcome> list_audit(Services& services, Call call) {
  const auto reader = reader_of(services);
  if (!reader) co_return std::unexpected(reader.error());
  const auto app = app_if_named(services, call);
  if (!app) co_return std::unexpected(app.error());
  const auto since = read_since(services, call.query.text("since"));
  if (!since) co_return std::unexpected(since.error());
  const auto limit = call.query.count("limit", 100, 1000);
  if (!limit) co_return refuse(limit.error());
  AuditQuery query{*since, call.query.text("subject"), call.query.text("action"),
                   {},     call.query.text("cursor"),  *limit};
  if (*app != nullptr) query.app = (*app)->app().id;
  co_await write_counts(services);
  const auto page = co_await (*reader)->find(std::move(query));
  if (!page) co_return refuse(page.error());
  const auto directory = services.directory();
  json::array entries;
  for (const AuditRecord& record : page->records) {
    const AppId& id = record.entry.app;
    entries.push_back(record_object(record, id.empty() ? std::string() : app_name(*directory, id)));
  }
  json::object out{{"entries", std::move(entries)}, {"next_cursor", nullptr}};
  if (!page->next_cursor.empty()) out["next_cursor"] = page->next_cursor;
  co_return json_response(200, json::serialize(out));
}

Task<Outcome> list_audit_heads(Services& services, Call call) {
  static_cast<void>(call);
  const auto reader = reader_of(services);
  if (!reader) co_return std::unexpected(reader.error());
  co_await write_counts(services);
  const auto heads = co_await (*reader)->heads();
  if (!heads) co_return refuse(heads.error());
  const json::object out{{"heads", head_array(*heads)}};
  co_return json_response(200, json::serialize(out));
}

Task<Outcome> verify_audit(Services& services, Call call) {
  const auto reader = reader_of(services);
  if (!reader) co_return std::unexpected(reader.error());
  auto kept = read_heads(call.request.body);
  if (!kept) co_return std::unexpected(kept.error());
  const auto found = co_await (*reader)->verify(std::move(*kept));
  if (!found) co_return refuse(found.error());
  json::array faults;
  for (const AuditFault& fault : found->faults) {
    faults.push_back(json::object{{"node", fault.node.str()}, {"sequence", fault.sequence}, {"what", fault.what}});
  }
  json::object out{{"sound", found->faults.empty()}, {"records", found->records}};
  out["heads"] = head_array(found->heads);
  out["faults"] = std::move(faults);
  co_return json_response(200, json::serialize(out));
}

}  // namespace keyfob::api
