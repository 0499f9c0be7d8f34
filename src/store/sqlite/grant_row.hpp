#pragma once
// One row of `grants` and GrantRecord: the only place that knows the order of the columns.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/grant.hpp"
#include "core/kept_pair.hpp"
#include "ports/grant_store.hpp"
#include "store/sqlite/connection.hpp"
#include "store/sqlite/store_clock.hpp"

// Columns as read_grant() reads them.
#define KEYFOB_GRANT_COLUMNS                                                                                     \
  "g.number, g.app_id, g.grant_id, g.user_id, g.provider_user, g.single_select, g.vehicles, g.scope, g.status, " \
  "g.generation, g.epoch, g.access_expires_at, g.refresh_expires_at, g.created_at, g.updated_at, g.rotated_at, " \
  "g.due_at, g.renew_by, g.refused_count, g.first_refused_at, g.last_refused_at, g.refused_certain, "            \
  "g.refused_after_unknown, "                                                                                    \
  "g.refused_reason, g.attention_reason, g.attention_vehicle, g.attention_since, g.attempt_id, g.attempt_node, " \
  "g.attempt_incarnation, g.attempt_stranded, g.first_sent_boot, g.first_sent_boot_ms, g.first_sent_at, "        \
  "g.lease_boot, g.lease_until_boot_ms, g.access_sealed, g.refresh_sealed, g.association_mac "

namespace keyfob::sqlite {

struct GrantRow {
  std::int64_t number = 0;
  GrantRecord record;
};

/// Of the text of the column `vehicles`.
[[nodiscard]] std::vector<VehicleId> vehicles_from(std::string_view list);
/// Reads the row that `query` stands on.
[[nodiscard]] GrantRow read_grant(Query& query, const StoreTime& now);
/// The row of this grant, if there is one.
[[nodiscard]] std::optional<GrantRow> read_row(Connection& connection, const GrantRef& ref, const StoreTime& now);
/// Steps through all rows. damaged rows are recorded as the connection's failure.
[[nodiscard]] std::vector<GrantRecord> read_grants(Query& query, const StoreTime& now);

/// The texts of a row that are computed; must outlive the statement they are bound to.
struct GrantTexts {
  explicit GrantTexts(const Grant& grant);
  std::string vehicles;
  std::string_view single_vehicle;
};

/// Binds what `put` writes, in the order of KEYFOB_PUT_COLUMNS. Attempts are not among it.
void bind_grant(Query& query, const GrantRecord& record, const GrantTexts& texts);

#define KEYFOB_PUT_COLUMNS                                                                                         \
  "app_id, grant_id, user_id, provider_user, single_vehicle, single_select, vehicles, scope, status, generation, " \
  "epoch, access_expires_at, refresh_expires_at, created_at, updated_at, rotated_at, due_at, renew_by, "           \
  "refused_count, "                                                                                                \
  "first_refused_at, last_refused_at, refused_certain, refused_after_unknown, refused_reason, attention_reason, "  \
  "attention_vehicle, attention_since, access_sealed, refresh_sealed, association_mac"
#define KEYFOB_PUT_PARAMETERS "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?"

/// count, first, last, certain, after_unknown, reason: five columns of nulls and zeros when nothing was refused.
void bind_refusals(Query& query, const Refusals& refusals);
/// reason, vehicle, since.
void bind_attention(Query& query, const std::optional<Attention>& attention);

}  // namespace keyfob::sqlite
