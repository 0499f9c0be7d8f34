#include <algorithm>
#include <utility>

#include "base/text_list.hpp"
#include "store/sqlite/grant_keys.hpp"
#include "store/sqlite/grant_queries.hpp"
#include "store/sqlite/grant_row.hpp"

namespace keyfob::sqlite {
namespace {

constexpr std::size_t kPageLimit = 1000;

// A key is a hash, and only says where to look. CROSS JOIN: SQLite keeps this order, whatever index would sort the
// rows.
#define KEYFOB_BY_KEY            \
  "SELECT " KEYFOB_GRANT_COLUMNS \
  "FROM grant_keys k CROSS JOIN grants g ON g.number = k.number WHERE k.key = ? AND g.app_id = ? "
#define KEYFOB_MOST_SPECIFIC "ORDER BY g.single_select DESC, g.created_at DESC, g.grant_id LIMIT 16"

constexpr char kFind[] = KEYFOB_BY_KEY KEYFOB_MOST_SPECIFIC;
constexpr char kFindByBoth[] = KEYFOB_BY_KEY "AND g.user_id = ? " KEYFOB_MOST_SPECIFIC;

#define KEYFOB_STATUS "(? = '' OR g.status = ?)"
#define KEYFOB_PAGE "AND g.grant_id > ? AND " KEYFOB_STATUS " ORDER BY g.grant_id LIMIT ?"
constexpr char kListAll[] = "SELECT " KEYFOB_GRANT_COLUMNS "FROM grants g WHERE g.app_id = ? " KEYFOB_PAGE;
constexpr char kListByStatus[] = "SELECT " KEYFOB_GRANT_COLUMNS
                                 "FROM grants g WHERE g.app_id = ? AND g.status = ? AND g.status <> 'active' "
                                 "AND g.grant_id > ? ORDER BY g.grant_id LIMIT ?";
constexpr char kListByUser[] = KEYFOB_BY_KEY "AND g.user_id = ? " KEYFOB_PAGE;
constexpr char kListByVehicle[] =
    KEYFOB_BY_KEY "AND instr(g.vehicles, ?) > 0 AND (? = '' OR g.user_id = ?) " KEYFOB_PAGE;

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

bool has_vehicle(const Grant& grant, const VehicleId& vehicle) {
  return std::ranges::find(grant.vehicles, vehicle) != grant.vehicles.end();
}

/// What was asked for is part of the association: where the row says otherwise, the MAC must not verify.
void hold_against(Grant& grant, const GrantSelector& asked) {
  if (!asked.vehicle.empty() && !has_vehicle(grant, asked.vehicle)) grant.vehicles.push_back(asked.vehicle);
  if (!asked.user.empty()) grant.user = asked.user;
}

/// Those found by `key`, without one whose own key it is but who is somebody else: one hash of two texts.
std::vector<GrantRecord> found_by(GrantKey key, Query& query, const GrantSelector& asked, StoreTime now) {
  std::vector<GrantRecord> found = read_grants(query, now);
  std::erase_if(found, [&](const GrantRecord& record) {
    const Grant& grant = record.grant;
    const bool is_it = asked.vehicle.empty() ? grant.user == asked.user : has_vehicle(grant, asked.vehicle);
    return !is_it && std::ranges::binary_search(keys_of(grant), key);
  });
  for (auto& record : found) hold_against(record.grant, asked);
  return found;
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
  const AppId app(after.app);
  std::string in_list;
  append_netstring(in_list, filter.vehicle.view());
  const char* sql = !filter.vehicle.empty() ? kListByVehicle : !filter.user.empty() ? kListByUser : kListAll;
  auto query = connection.query(sql);
  if (!filter.vehicle.empty()) {
    query.with(key_of(app, filter.vehicle), app, in_list, filter.user, filter.user);
  } else if (!filter.user.empty()) {
    query.with(key_of(app, filter.user), app, filter.user);
  } else {
    query.with(app);
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
  auto row = read_row(connection, ref, now);
  if (!row) return fail(ErrorCode::not_found, "there is no grant " + ref.grant.str());
  return std::move(row->record);
}

Result<std::vector<GrantRecord>> find(Connection& connection, const AppId& app, const GrantSelector& selector,
                                      StoreTime now) {
  if (selector.user.empty() && selector.vehicle.empty()) {
    return fail(ErrorCode::invalid_argument, "a look-up names a user, a vehicle or both");
  }
  const bool by_vehicle = !selector.vehicle.empty();
  const bool by_both = by_vehicle && !selector.user.empty();
  const GrantKey key = by_vehicle ? key_of(app, selector.vehicle) : key_of(app, selector.user);
  auto query = connection.query(by_both ? kFindByBoth : kFind);
  query.with(key, app);
  if (by_both) query.with(selector.user);
  return found_by(key, query, selector, now);
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
