#pragma once
// What SqliteStore does to the outbox and to marks. Same rules as grant_queries.hpp.

#include <optional>
#include <string>
#include <vector>

#include "ports/outbox.hpp"
#include "store/sqlite/connection.hpp"
#include "store/sqlite/store_clock.hpp"

namespace keyfob::sqlite {

/// Those that fit a change of a grant whose status was `before`, in that change's transaction.
void add_notices(Connection& connection, const std::vector<Notice>& notices, std::optional<GrantStatus> before);

Result<bool> tell(Connection& connection, const std::vector<OutboxRow>& rows, const std::optional<Mark>& mark,
                  WallTime now);
struct OutboxClaim {
  std::string destination;
  std::size_t limit = 0;
  Milliseconds hold{};
};
Result<std::vector<ClaimedRow>> claim_outbox(Connection& connection, const OutboxClaim& claim, StoreTime now);
Result<void> settle_outbox(Connection& connection, const std::vector<Settled>& rows, StoreTime now);
Result<std::vector<OutboxDepth>> outbox_depths(Connection& connection);

}  // namespace keyfob::sqlite
