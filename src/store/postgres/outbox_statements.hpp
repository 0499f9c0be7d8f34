#pragma once
// What PostgresStore asks of the outbox and of marks. Same rules as grant_statements.hpp.

#include <optional>
#include <string>
#include <vector>

#include "ports/grant_store.hpp"
#include "ports/outbox.hpp"
#include "store/postgres/async.hpp"

namespace keyfob::postgres {

/// Go before the change that they come with, in one batch: each locks the grant's row, so what it found is what the
/// change finds.
void add_notice_calls(std::vector<Call>& calls, const GrantRef& ref, GrantVersion at,
                      const std::vector<Notice>& notices);
/// The statuses of a grant that it is told of, each between spaces.
[[nodiscard]] std::string statuses_told(const Notice& notice);
/// What a put is surrounded by: it may find the grant as expected and yet be refused.
struct PutNotices {
  std::vector<Call> before{};
  std::vector<Call> after{};
};
[[nodiscard]] PutNotices put_notice_calls(const PutRequest& request);

Result<bool> tell(Dialogue& dialogue, const std::vector<OutboxRow>& rows, const std::optional<Mark>& mark,
                  WallTime now);
[[nodiscard]] Question claim_outbox_question(const std::string& destination, std::size_t limit, Milliseconds hold);
[[nodiscard]] std::vector<ClaimedRow> read_claimed_rows(Rows& rows);
[[nodiscard]] Question settle_outbox_question(const std::vector<Settled>& rows);
[[nodiscard]] Question outbox_depths_question();
[[nodiscard]] std::vector<OutboxDepth> read_outbox_depths(Rows& rows);

}  // namespace keyfob::postgres
