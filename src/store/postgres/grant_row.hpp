#pragma once
// One row of `grants` and GrantRecord: the only place that knows the order of the columns.

#include <vector>

#include "core/grant.hpp"
#include "store/postgres/arguments.hpp"
#include "store/postgres/rows.hpp"

// The database's clock in milliseconds. Of the statement, not of the transaction: a statement may have waited for the
// one before. Stable, so that distributed relatives may evaluate it once.
#define KEYFOB_NOW "CAST(date_part('epoch', statement_timestamp()) * 1000 AS bigint)"

// Columns as read_grant() reads them; `g` is the table.
#define KEYFOB_GRANT_COLUMNS                                                                                     \
  "g.app_id, g.grant_id, g.user_id, g.provider_user, g.single_select, g.vehicles, g.scope, g.status, "           \
  "g.generation, g.epoch, g.access_expires_at, g.refresh_expires_at, g.created_at, g.updated_at, g.rotated_at, " \
  "g.due_at, g.renew_by, g.refused_count, g.first_refused_at, g.last_refused_at, g.refused_certain, "            \
  "g.refused_after_unknown, g.refused_reason, g.attention_reason, g.attention_vehicle, g.attention_since, "      \
  "g.attempt_id, g.attempt_node, g.attempt_incarnation, g.attempt_stranded, g.first_sent_at, g.lease_until, "    \
  "g.access_sealed, g.refresh_sealed, g.association_mac, " KEYFOB_NOW " AS store_now "

// The transaction that changes the row: what other nodes look for.
#define KEYFOB_XID "txid_current()"

#define KEYFOB_NO_ATTEMPT                                                                         \
  "attempt_id = NULL, attempt_node = NULL, attempt_incarnation = NULL, attempt_stranded = NULL, " \
  "first_sent_at = NULL, lease_until = NULL"

namespace keyfob::postgres {

/// Reads the row that `rows` stands on.
[[nodiscard]] GrantRecord read_grant(Rows& rows);
[[nodiscard]] std::vector<GrantRecord> read_grants(Rows& rows);

/// count, first, last, certain, after_unknown, reason: six values, null or zero when nothing was refused.
void add_refusals(Arguments& arguments, const Refusals& refusals);
/// reason, vehicle, since.
void add_attention(Arguments& arguments, const std::optional<Attention>& attention);
[[nodiscard]] std::vector<std::string_view> views_of(const std::vector<VehicleId>& vehicles);
/// The vehicle of a single-select grant, else empty.
[[nodiscard]] std::string_view single_vehicle_of(const Grant& grant);

}  // namespace keyfob::postgres
