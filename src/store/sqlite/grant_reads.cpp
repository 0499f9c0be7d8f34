#include <algorithm>
#include <utility>

#include "base/text_list.hpp"
#include "store/sqlite/grant_queries.hpp"
#include "store/sqlite/grant_row.hpp"

namespace keyfob::sqlite {
namespace {

constexpr std::size_t kPageLimit = 1000;

constexpr char kLoad[] = "SELECT " KEYFOB_GRANT_COLUMNS "FROM grants g WHERE g.app_id = ? AND g.grant_id = ?";

#define KEYFOB_BY_VEHICLE                                                                   \
  "SELECT " KEYFOB_GRANT_COLUMNS                                                            \
  "FROM grant_vehicles v JOIN grants g ON g.app_id = v.app_id AND g.grant_id = v.grant_id " \
  "WHERE v.app_id = ? AND v.vehicle_id = ? "
#define KEYFOB_MOST_SPECIFIC "ORDER BY g.single_select DESC, g.created_at DESC, g.grant_id LIMIT 16"

constexpr char kFindByUser[] =
    "SELECT " KEYFOB_GRANT_COLUMNS "FROM grants g WHERE g.app_id = ? AND g.user_id = ? " KEYFOB_MOST_SPECIFIC;
constexpr char kFindByVehicle[] = KEYFOB_BY_VEHICLE KEYFOB_MOST_SPECIFIC;
constexpr char kFindByBoth[] = KEYFOB_BY_VEHICLE "AND g.user_id = ? " KEYFOB_MOST_SPECIFIC;

// A page of one user or vehicle comes by its own index, not by walking the application in the order of ids: hence the
// expression, which no index serves.
#define KEYFOB_STATUS "(? = '' OR g.status = ?)"
constexpr char kListAll[] =
    "SELECT " KEYFOB_GRANT_COLUMNS "FROM grants g WHERE g.app_id = ? AND g.grant_id > ? AND " KEYFOB_STATUS
    " ORDER BY g.grant_id LIMIT ?";
constexpr char kListByStatus[] = "SELECT " KEYFOB_GRANT_COLUMNS
                                 "FROM grants g WHERE g.app_id = ? AND g.status = ? AND g.status <> 'active' "
                                 "AND g.grant_id > ? ORDER BY g.grant_id LIMIT ?";
constexpr char kListByUser[] = "SELECT " KEYFOB_GRANT_COLUMNS
                               "FROM grants g WHERE g.app_id = ? AND g.user_id = ? AND g.grant_id || '' > ? "
                               "AND " KEYFOB_STATUS " ORDER BY g.grant_id || '' LIMIT ?";
constexpr char kListByVehicle[] = KEYFOB_BY_VEHICLE
    "AND (? = '' OR g.user_id = ?) AND v.grant_id > ? AND " KEYFOB_STATUS " ORDER BY v.grant_id LIMIT ?";

constexpr char kNextApplication[] = "SELECT app_id FROM grants WHERE app_id > ? ORDER BY app_id LIMIT 1";

struct Position {
  std::string app;
  std::string grant;
};

std::optional<Position> position_from(std::string_view cursor) {
  auto texts = split_netstrings(cursor);
  if (!texts || texts->size() != 2) return std::nullopt;
  return Position{std::move((*texts)[0]), std::move((*texts)[1])};
}

std::string cursor_of(const Grant& grant) {
  std::string cursor;
  append_netstring(cursor, grant.app.view());
  append_netstring(cursor, grant.id.view());
  return cursor;
}

// The look-up's own index row is part of the association: if it was re-pointed, the MAC must not verify.
void hold_against(GrantRecord& record, const VehicleId& vehicle) {
  auto& vehicles = record.grant.vehicles;
  if (std::ranges::find(vehicles, vehicle) == vehicles.end()) vehicles.push_back(vehicle);
}

/// Grants of one application behind `after`, at most `limit`.
std::vector<GrantRecord> page_of(Connection& connection, const GrantFilter& filter, const Position& after,
                                 std::size_t limit, StoreTime now) {
  const std::string_view status = filter.status ? to_string(*filter.status) : std::string_view();
  const bool by_status = filter.status && *filter.status != GrantStatus::active;
  if (by_status && filter.vehicle.empty() && filter.user.empty()) {
    auto query = connection.query(kListByStatus);
    query.with(after.app, status, after.grant, limit);
    return read_grants(query, now);
  }
  const char* sql = !filter.vehicle.empty() ? kListByVehicle : !filter.user.empty() ? kListByUser : kListAll;
  auto query = connection.query(sql);
  query.with(after.app);
  if (!filter.vehicle.empty()) {
    query.with(filter.vehicle, filter.user, filter.user);
  } else if (!filter.user.empty()) {
    query.with(filter.user);
  }
  query.with(after.grant, status, status, limit);
  return read_grants(query, now);
}

std::optional<std::string> application_after(Connection& connection, const std::string& app) {
  auto query = connection.query(kNextApplication);
  if (!query.with(app).step()) return std::nullopt;
  return std::string(query.text());
}

}  // namespace

Result<GrantRecord> load(Connection& connection, const GrantRef& ref, StoreTime now) {
  auto query = connection.query(kLoad);
  if (!query.with(ref.app, ref.grant).step()) {
    return fail(ErrorCode::not_found, "there is no grant " + ref.grant.str());
  }
  return read_grant(query, now).record;
}

Result<std::vector<GrantRecord>> find(Connection& connection, const AppId& app, const GrantSelector& selector,
                                      StoreTime now) {
  if (selector.user.empty() && selector.vehicle.empty()) {
    return fail(ErrorCode::invalid_argument, "a look-up names a user, a vehicle or both");
  }
  if (selector.vehicle.empty()) {
    auto query = connection.query(kFindByUser);
    query.with(app, selector.user);
    return read_grants(query, now);
  }
  auto query = connection.query(selector.user.empty() ? kFindByVehicle : kFindByBoth);
  query.with(app, selector.vehicle);
  if (!selector.user.empty()) query.with(selector.user);
  auto found = read_grants(query, now);
  for (auto& record : found) hold_against(record, selector.vehicle);
  return found;
}

Result<GrantPage> list(Connection& connection, const GrantFilter& filter, StoreTime now) {
  const auto limit = std::clamp<std::size_t>(filter.limit, 1, kPageLimit);
  Position after{filter.app.str(), ""};
  if (!filter.cursor.empty()) {
    auto position = position_from(filter.cursor);
    if (!position) return fail(ErrorCode::invalid_argument, "this is not a cursor of a grant list");
    if (filter.app.empty() || position->app == filter.app.view()) after = std::move(*position);
  }
  GrantPage page;
  std::optional<std::string> app = after.app;
  if (after.app.empty()) app = application_after(connection, "");
  while (app && page.grants.size() <= limit) {
    after.app = *app;
    auto more = page_of(connection, filter, after, limit + 1 - page.grants.size(), now);
    std::ranges::move(more, std::back_inserter(page.grants));
    after.grant.clear();
    app = filter.app.empty() ? application_after(connection, after.app) : std::nullopt;
  }
  if (page.grants.size() > limit) {
    page.grants.pop_back();
    page.next_cursor = cursor_of(page.grants.back().grant);
  }
  return page;
}

}  // namespace keyfob::sqlite
