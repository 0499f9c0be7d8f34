#include "store/sqlite/grant_row.hpp"

#include <algorithm>
#include <utility>

#include "base/text_list.hpp"

namespace keyfob::sqlite {

// A list that is none any more stays visible as one odd vehicle: the association's MAC then refuses this record alone.
std::vector<VehicleId> vehicles_from(std::string_view list) {
  std::vector<VehicleId> vehicles;
  auto texts = split_netstrings(list);
  if (!texts) return {VehicleId(list)};
  vehicles.reserve(texts->size());
  for (auto& text : *texts) vehicles.emplace_back(std::move(text));
  return vehicles;
}

namespace {

constexpr char kLoad[] = "SELECT " KEYFOB_GRANT_COLUMNS "FROM grants g WHERE g.app_id = ? AND g.grant_id = ?";

Refusals read_refusals(Query& query) {
  Refusals refusals;
  refusals.count = static_cast<std::uint32_t>(query.integer());
  if (refusals.count == 0) {
    query.skip(5);
    return refusals;
  }
  refusals.first_at = query.time();
  refusals.last_at = query.time();
  refusals.certain = query.flag();
  refusals.after_unknown = query.flag();
  refusals.reason = query.text();
  return refusals;
}

std::optional<Attention> read_attention(Query& query) {
  if (query.is_null()) {
    query.skip(3);
    return std::nullopt;
  }
  Attention attention;
  attention.reason = query.text();
  attention.vehicle = query.id<VehicleId>();
  attention.since = query.time();
  return attention;
}

// Of another boot is known only that it was before this one began, and what the wall clock says.
Milliseconds since_first_sent(std::string_view boot, std::int64_t boot_ms, std::int64_t wall_ms, const StoreTime& now) {
  if (boot == now.boot_id) return Milliseconds(now.boot_ms - boot_ms);
  return Milliseconds(std::max(now.boot_ms, now.wall_ms - wall_ms));
}

std::optional<Attempt> read_attempt(Query& query, const StoreTime& now) {
  if (query.is_null()) {
    query.skip(9);
    return std::nullopt;
  }
  Attempt attempt;
  attempt.id = query.id<AttemptId>();
  attempt.node = query.id<NodeId>();
  attempt.incarnation = query.number<Incarnation>();
  if (query.is_null()) {
    query.skip(1);
  } else {
    attempt.stranded = query.id<NodeId>();
  }
  const auto boot = query.text();
  const auto boot_ms = query.integer();
  attempt.since_first_sent = since_first_sent(boot, boot_ms, query.integer(), now);
  const bool this_boot = query.text() == now.boot_id;
  const auto until = query.integer();
  attempt.lease_left = this_boot ? Milliseconds(until - now.boot_ms) : Milliseconds(0);
  return attempt;
}

}  // namespace

GrantRow read_grant(Query& query, const StoreTime& now) {
  GrantRow row;
  Grant& grant = row.record.grant;
  row.number = query.integer();
  grant.app = query.id<AppId>();
  grant.id = query.id<GrantId>();
  grant.user = query.id<UserId>();
  grant.provider_user = query.id<ProviderUserId>();
  grant.single_select = query.flag();
  grant.vehicles = vehicles_from(query.text());
  grant.scope = query.text();
  // The schema's check lets no other status in.
  grant.status = grant_status_from(query.text()).value_or(GrantStatus::needs_reauth);
  grant.version.generation = query.number<Generation>();
  grant.version.epoch = query.number<Epoch>();
  grant.access_expires_at = query.time();
  grant.refresh_expires_at = query.time();
  grant.created_at = query.time();
  grant.updated_at = query.time();
  grant.rotated_at = query.optional_time();
  grant.due_at = query.time();
  grant.renew_by = query.time();
  grant.refusals = read_refusals(query);
  grant.attention = read_attention(query);
  grant.attempt = read_attempt(query, now);
  row.record.sealed.access = query.blob();
  row.record.sealed.refresh = query.blob();
  row.record.association_mac = query.blob();
  return row;
}

std::optional<GrantRow> read_row(Connection& connection, const GrantRef& ref, const StoreTime& now) {
  auto query = connection.query(kLoad);
  if (!query.with(ref.app, ref.grant).step()) return std::nullopt;
  return read_grant(query, now);
}

std::vector<GrantRecord> read_grants(Query& query, const StoreTime& now) {
  std::vector<GrantRecord> records;
  while (query.step()) records.push_back(read_grant(query, now).record);
  return records;
}

GrantTexts::GrantTexts(const Grant& grant) {
  for (const auto& vehicle : grant.vehicles) append_netstring(vehicles, vehicle.view());
  if (grant.single_select && !grant.vehicles.empty()) single_vehicle = grant.vehicles.front().view();
}

void bind_refusals(Query& query, const Refusals& refusals) {
  if (refusals.count == 0) {
    query.with(0, nullptr, nullptr, false, false, nullptr);
    return;
  }
  query.with(refusals.count, refusals.first_at, refusals.last_at, refusals.certain, refusals.after_unknown,
             refusals.reason);
}

void bind_attention(Query& query, const std::optional<Attention>& attention) {
  if (!attention) {
    query.with(nullptr, nullptr, nullptr);
    return;
  }
  query.with(attention->reason, attention->vehicle, attention->since);
}

void bind_grant(Query& query, const GrantRecord& record, const GrantTexts& texts) {
  const Grant& grant = record.grant;
  query.with(grant.app, grant.id, grant.user, grant.provider_user, texts.single_vehicle, grant.single_select,
             texts.vehicles, grant.scope, to_string(grant.status), grant.version.generation, grant.version.epoch,
             grant.access_expires_at, grant.refresh_expires_at, grant.created_at, grant.updated_at, grant.rotated_at,
             grant.due_at, grant.renew_by);
  bind_refusals(query, grant.refusals);
  bind_attention(query, grant.attention);
  query.with(record.sealed.access, record.sealed.refresh, record.association_mac);
}

}  // namespace keyfob::sqlite
