#include "engine/exporter.hpp"

namespace keyfob::engine {

Task<Result<ExportPage>> Exporter::page(GrantFilter filter) {
  Result<GrantPage> found = co_await context_.reader.list(std::move(filter));
  if (!found) co_return fail(found.error());
  ExportPage page;
  page.next_cursor = std::move(found->next_cursor);
  for (GrantRecord& stored : found->grants) {
    if (stored.grant.status == GrantStatus::revoked || stored.grant.status == GrantStatus::revoking) {
      ++page.without_tokens;
      continue;
    }
    const bool attempted = stored.grant.attempt.has_value();
    GrantRecord record = refresher_.overlaid(std::move(stored));
    auto pair = context_.sealer.verify_association(record)
                    ? context_.sealer.open(record)
                    : Result<TokenPair>(fail(ErrorCode::damaged, "the association does not verify"));
    if (!pair) {
      ++page.damaged;
      continue;
    }
    if (attempted && record.grant.attempt) ++page.unsettled;
    page.grants.push_back({std::move(record.grant), std::move(*pair)});
  }
  co_return page;
}

}  // namespace keyfob::engine
