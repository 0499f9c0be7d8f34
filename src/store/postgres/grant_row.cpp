#include "store/postgres/grant_row.hpp"

#include <algorithm>

namespace keyfob::postgres {
namespace {

Refusals read_refusals(Rows& rows) {
  Refusals refusals;
  refusals.count = static_cast<std::uint32_t>(rows.integer());
  if (refusals.count == 0) {
    rows.skip(5);
    return refusals;
  }
  refusals.first_at = rows.optional_time().value_or(WallTime{});
  refusals.last_at = rows.optional_time().value_or(WallTime{});
  refusals.certain = rows.flag();
  refusals.after_unknown = rows.flag();
  refusals.reason = rows.text();
  return refusals;
}

std::optional<Attention> read_attention(Rows& rows) {
  if (rows.is_null()) {
    rows.skip(3);
    return std::nullopt;
  }
  Attention attention;
  attention.reason = rows.text();
  attention.vehicle = rows.id<VehicleId>();
  attention.since = rows.time();
  return attention;
}

struct AttemptTimes {
  Attempt attempt;
  std::int64_t first_sent_at = 0;
  std::int64_t lease_until = 0;
};

std::optional<AttemptTimes> read_attempt(Rows& rows) {
  if (rows.is_null()) {
    rows.skip(6);
    return std::nullopt;
  }
  AttemptTimes read;
  read.attempt.id = rows.id<AttemptId>();
  read.attempt.node = rows.id<NodeId>();
  read.attempt.incarnation = rows.number<Incarnation>();
  if (rows.is_null()) {
    rows.skip(1);
  } else {
    read.attempt.stranded = rows.id<NodeId>();
  }
  read.first_sent_at = rows.integer();
  read.lease_until = rows.integer();
  return read;
}

}  // namespace

GrantRecord read_grant(Rows& rows) {
  GrantRecord record;
  Grant& grant = record.grant;
  grant.app = rows.id<AppId>();
  grant.id = rows.id<GrantId>();
  grant.user = rows.id<UserId>();
  grant.provider_user = rows.id<ProviderUserId>();
  grant.single_select = rows.flag();
  for (const auto vehicle : rows.texts()) grant.vehicles.emplace_back(vehicle);
  grant.scope = rows.text();
  // The schema's check lets no other status in.
  grant.status = grant_status_from(rows.text()).value_or(GrantStatus::needs_reauth);
  grant.version.generation = rows.number<Generation>();
  grant.version.epoch = rows.number<Epoch>();
  grant.access_expires_at = rows.time();
  grant.refresh_expires_at = rows.time();
  grant.created_at = rows.time();
  grant.updated_at = rows.time();
  grant.rotated_at = rows.optional_time();
  grant.due_at = rows.time();
  grant.renew_by = rows.time();
  grant.refusals = read_refusals(rows);
  grant.attention = read_attention(rows);
  auto attempt = read_attempt(rows);
  record.sealed.access = rows.blob();
  record.sealed.refresh = rows.blob();
  record.association_mac = rows.blob();
  const auto now = rows.integer();
  if (attempt) {
    attempt->attempt.since_first_sent = Milliseconds(std::max<std::int64_t>(0, now - attempt->first_sent_at));
    attempt->attempt.lease_left = Milliseconds(attempt->lease_until - now);
    grant.attempt = std::move(attempt->attempt);
  }
  return record;
}

std::vector<GrantRecord> read_grants(Rows& rows) {
  std::vector<GrantRecord> records;
  records.reserve(rows.count());
  while (rows.next()) records.push_back(read_grant(rows));
  return records;
}

void add_refusals(Arguments& arguments, const Refusals& refusals) {
  const bool any = refusals.count != 0;
  const auto when_any = [&](auto value) { return any ? std::optional(value) : std::nullopt; };
  arguments.add(refusals.count, when_any(refusals.first_at), when_any(refusals.last_at), any && refusals.certain,
                any && refusals.after_unknown, when_any(std::string_view(refusals.reason)));
}

void add_attention(Arguments& arguments, const std::optional<Attention>& attention) {
  std::optional<std::string_view> reason;
  std::optional<std::string_view> vehicle;
  std::optional<WallTime> since;
  if (attention) {
    reason = attention->reason;
    vehicle = attention->vehicle.view();
    since = attention->since;
  }
  arguments.add(reason, vehicle, since);
}

std::vector<std::string_view> views_of(const std::vector<VehicleId>& vehicles) {
  std::vector<std::string_view> views;
  for (const auto& vehicle : vehicles) views.push_back(vehicle.view());
  return views;
}

std::string_view single_vehicle_of(const Grant& grant) {
  return grant.single_select && !grant.vehicles.empty() ? grant.vehicles.front().view() : std::string_view();
}

}  // namespace keyfob::postgres
