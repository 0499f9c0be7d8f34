// Look-ups and lists.
#include "store/postgres/grant_row.hpp"
#include "store/postgres/grant_statements.hpp"

namespace keyfob::postgres {
namespace {

constexpr char kLoad[] = "SELECT " KEYFOB_GRANT_COLUMNS " FROM grants AS g WHERE g.app_id = $1 AND g.grant_id = $2";

// Not a join: a vehicle may be noted twice for a grant, and the grant is found once.
#define KEYFOB_OF_VEHICLE(vehicle)                                                                                \
  " FROM grants AS g WHERE g.app_id = $1 AND g.grant_id = ANY (ARRAY(SELECT v.grant_id FROM grant_vehicles AS v " \
  "WHERE v.app_id = $1 AND v.vehicle_id = " vehicle ")) "
#define KEYFOB_BY_VEHICLE "SELECT " KEYFOB_GRANT_COLUMNS KEYFOB_OF_VEHICLE("$2")
#define KEYFOB_MOST_SPECIFIC "ORDER BY g.single_select DESC, g.created_at DESC, g.grant_id LIMIT 16"

constexpr char kFindByUser[] =
    "SELECT " KEYFOB_GRANT_COLUMNS " FROM grants AS g WHERE g.app_id = $1 AND g.user_id = $2 " KEYFOB_MOST_SPECIFIC;
constexpr char kFindByVehicle[] = KEYFOB_BY_VEHICLE KEYFOB_MOST_SPECIFIC;
constexpr char kFindByBoth[] = KEYFOB_BY_VEHICLE "AND g.user_id = $3 " KEYFOB_MOST_SPECIFIC;

constexpr char kListAll[] = "SELECT " KEYFOB_GRANT_COLUMNS
                            " FROM grants AS g WHERE g.app_id = $1 AND g.grant_id > $2 AND ($3 = '' OR g.status = $3) "
                            "ORDER BY g.grant_id LIMIT $4";
constexpr char kListByStatus[] = "SELECT " KEYFOB_GRANT_COLUMNS
                                 " FROM grants AS g WHERE g.app_id = $1 AND g.status = $3 AND g.status <> 'active' "
                                 "AND g.grant_id > $2 ORDER BY g.grant_id LIMIT $4";
// A page of one user or vehicle comes by its own index, not by walking the application in the order of ids: hence the
// expression, which no index serves.
constexpr char kListByUser[] =
    "SELECT " KEYFOB_GRANT_COLUMNS
    " FROM grants AS g WHERE g.app_id = $1 AND g.user_id = $5 AND g.grant_id || '' > $2 COLLATE \"C\" "
    "AND ($3 = '' OR g.status = $3) ORDER BY g.grant_id || '' COLLATE \"C\" LIMIT $4";
constexpr char kListByVehicle[] =
    "SELECT " KEYFOB_GRANT_COLUMNS KEYFOB_OF_VEHICLE("$6")
    "AND ($5 = '' OR g.user_id = $5) AND g.grant_id || '' > $2 COLLATE \"C\" "
    "AND ($3 = '' OR g.status = $3) ORDER BY g.grant_id || '' COLLATE \"C\" LIMIT $4";

constexpr char kNextApplication[] = "SELECT app_id FROM grants WHERE app_id > $1 ORDER BY app_id LIMIT 1";

}  // namespace

Question load_question(const GrantRef& ref) { return {ref.grant.str(), {call(kLoad, ref.app, ref.grant)}}; }

Question find_question(const AppId& app, const GrantSelector& selector) {
  if (selector.vehicle.empty()) return {{}, {call(kFindByUser, app, selector.user)}};
  if (selector.user.empty()) return {{}, {call(kFindByVehicle, app, selector.vehicle)}};
  return {{}, {call(kFindByBoth, app, selector.vehicle, selector.user)}};
}

Question page_question(const GrantFilter& filter, const PagePosition& after, std::size_t limit) {
  const std::string_view status = filter.status ? to_string(*filter.status) : std::string_view();
  if (!filter.vehicle.empty()) {
    return {{}, {call(kListByVehicle, after.app, after.grant, status, limit, filter.user, filter.vehicle)}};
  }
  if (!filter.user.empty()) return {{}, {call(kListByUser, after.app, after.grant, status, limit, filter.user)}};
  const bool by_status = filter.status && *filter.status != GrantStatus::active;
  if (by_status) return {{}, {call(kListByStatus, after.app, after.grant, status, limit)}};
  return {{}, {call(kListAll, after.app, after.grant, status, limit)}};
}

Question next_application_question(const std::string& app) { return {{}, {call(kNextApplication, app)}}; }

}  // namespace keyfob::postgres
