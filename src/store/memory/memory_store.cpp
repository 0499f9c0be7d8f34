#include "store/memory/memory_store.hpp"

#include <charconv>

namespace keyfob {
namespace {

struct FeedCursor {
  std::uint64_t grants = 0;
  std::uint64_t directory = 0;
};

std::string to_text(FeedCursor cursor) {
  return std::to_string(cursor.grants) + "." + std::to_string(cursor.directory);
}

std::optional<FeedCursor> feed_cursor_from(std::string_view text) {
  FeedCursor cursor;
  const char* const end = text.data() + text.size();
  const auto grants = std::from_chars(text.data(), end, cursor.grants);
  if (grants.ec != std::errc{} || grants.ptr == end || *grants.ptr != '.') return std::nullopt;
  const auto directory = std::from_chars(grants.ptr + 1, end, cursor.directory);
  if (directory.ec != std::errc{} || directory.ptr != end) return std::nullopt;
  return cursor;
}

}  // namespace

Task<Result<GrantRecord>> MemoryStore::load(GrantRef ref) { co_return grants_.load(ref, clock_.boot()); }

Task<Result<std::vector<GrantRecord>>> MemoryStore::find(AppId app, GrantSelector selector) {
  co_return grants_.find(app, selector, clock_.boot());
}

Task<Result<GrantPage>> MemoryStore::list(GrantFilter filter) { co_return grants_.list(filter, clock_.boot()); }

Task<Result<BeginOutcome>> MemoryStore::begin(BeginRequest request) { co_return grants_.begin(request, clock_.boot()); }

Task<Result<CommitOutcome>> MemoryStore::commit(CommitRequest request) {
  co_return grants_.commit(request, clock_.boot());
}

Task<Result<UpdateOutcome>> MemoryStore::update(GrantRef ref, GrantVersion at, GrantChange change, WallTime now) {
  co_return grants_.update(ref, at, change, now, clock_.boot());
}

Task<Result<std::vector<Result<void>>>> MemoryStore::put(std::vector<PutRequest> requests) {
  std::vector<Result<void>> answers;
  answers.reserve(requests.size());
  for (const auto& request : requests) answers.push_back(grants_.put(request));
  co_return answers;
}

Task<Result<std::vector<std::vector<GrantRecord>>>> MemoryStore::find_owners(AppId app, std::vector<UserId> users) {
  std::vector<std::vector<GrantRecord>> all;
  for (UserId& user : users) {
    auto found = grants_.find(app, GrantSelector{std::move(user), {}}, clock_.boot());
    if (!found) co_return fail(found.error());
    all.push_back(std::move(*found));
  }
  co_return all;
}

Task<Result<UpdateOutcome>> MemoryStore::reassociate(Reassociation request) {
  co_return grants_.reassociate(request, clock_.boot());
}

Task<Result<void>> MemoryStore::remove(GrantRef ref) { co_return grants_.remove(ref); }

Task<Result<void>> MemoryStore::keep_late(KeptPair pair) { co_return grants_.keep_late(std::move(pair)); }

Task<Result<std::vector<KeptPair>>> MemoryStore::late(GrantRef ref, Epoch epoch) { co_return grants_.late(ref, epoch); }

Task<Result<void>> MemoryStore::drop_late(KeptPair pair) {
  grants_.drop_late(pair);
  co_return Result<void>{};
}

Task<Result<std::vector<GrantRecord>>> MemoryStore::claim_due(std::vector<DueShare> shares, WallTime now,
                                                              Milliseconds hold) {
  co_return grants_.claim_due(shares, now, hold, clock_.boot());
}

Task<Result<DueOutlook>> MemoryStore::outlook(AppId app, WallTime now, std::size_t count_at_most) {
  co_return grants_.outlook(app, now, count_at_most);
}

Task<Result<std::vector<GrantRecord>>> MemoryStore::abandoned(NodeIdentity node, std::size_t limit) {
  co_return grants_.abandoned(node, limit, clock_.boot());
}

Task<Result<RefreshHealth>> MemoryStore::health(GrantRef asking, WallTime since) {
  co_return grants_.health(asking, since);
}

Task<Result<std::size_t>> MemoryStore::reopen_refused(AppId app, WallTime since, WallTime due_at) {
  co_return grants_.reopen_refused(app, since, due_at);
}

Task<Result<Changes>> MemoryStore::changes_since(std::string cursor) {
  Changes changes;
  const FeedCursor now{grants_.change_position(), directory_.revision()};
  changes.cursor = to_text(now);
  if (cursor.empty()) co_return changes;
  const auto from = feed_cursor_from(cursor);
  if (!from) co_return fail(ErrorCode::invalid_argument, "this is not a cursor of the change feed");
  auto grants = grants_.changes_from(from->grants);
  changes.everything = !grants;
  if (grants) changes.grants = std::move(*grants);
  changes.directory = changes.everything || from->directory != now.directory;
  co_return changes;
}

Task<Result<std::vector<ApplicationRecord>>> MemoryStore::applications() { co_return directory_.applications(); }

Task<Result<void>> MemoryStore::put_application(ApplicationRecord record) {
  co_return directory_.put_application(std::move(record));
}

Task<Result<void>> MemoryStore::remove_application(AppId app) {
  auto removed = directory_.remove_application(app);
  if (removed) grants_.remove_application(app);
  if (removed) app_tokens_.erase(app);
  co_return removed;
}

Task<Result<std::vector<CallerRecord>>> MemoryStore::callers() { co_return directory_.callers(); }

Task<Result<void>> MemoryStore::put_caller(CallerRecord record) { co_return directory_.put_caller(std::move(record)); }

Task<Result<std::vector<WrappedDataKey>>> MemoryStore::data_keys() { co_return directory_.data_keys(); }

Task<Result<void>> MemoryStore::put_data_keys(std::vector<WrappedDataKey> keys) {
  co_return directory_.put_data_keys(std::move(keys));
}

Task<Result<void>> MemoryStore::put_consent(ConsentState state) { co_return directory_.put_consent(std::move(state)); }

Task<Result<ConsentState>> MemoryStore::take_consent(Bytes state_hash, WallTime now) {
  co_return directory_.take_consent(state_hash, now);
}

Task<Result<std::size_t>> MemoryStore::reseal(std::vector<ResealedGrant> grants) {
  std::size_t took = 0;
  for (const ResealedGrant& grant : grants) took += grants_.reseal(grant) ? 1 : 0;
  co_return took;
}

Task<Result<std::vector<KeptPair>>> MemoryStore::late_under(DataKeyRef key, std::size_t limit) {
  co_return grants_.late_under(key, limit);
}

Task<Result<bool>> MemoryStore::replace_late(KeptPair old, KeptPair fresh) {
  co_return grants_.replace_late(old, fresh);
}

Task<Result<bool>> MemoryStore::consents_under(AppId app, Bytes header, WallTime now) {
  co_return directory_.consents_under(app, header, now);
}

Task<Result<void>> MemoryStore::change_data_keys(AppId app, std::vector<WrappedDataKey> before,
                                                 std::vector<WrappedDataKey> after) {
  co_return directory_.change_data_keys(app, std::move(before), std::move(after));
}

Task<Result<void>> MemoryStore::retire_data_key(DataKeyRef key) {
  if (!grants_.late_under(key, 1).empty()) co_return fail(ErrorCode::conflict, "a late pair is sealed with this key");
  co_return directory_.retire_data_key(key);
}

Task<Result<void>> MemoryStore::hold_data_keys(NodeId node, std::vector<DataKeyRef> keys, WallTime now) {
  directory_.hold_data_keys(node, keys, now);
  co_return Result<void>{};
}

Task<Result<std::vector<DataKeyHolder>>> MemoryStore::data_key_holders() { co_return directory_.data_key_holders(); }

Task<Result<void>> MemoryStore::append(std::vector<AuditRecord> records) {
  co_return audit_.append(std::move(records));
}

Task<Result<AuditPage>> MemoryStore::find_audit(AuditQuery query) { co_return audit_.find(query); }

Task<Result<std::vector<AuditRecord>>> MemoryStore::chain(NodeId node, std::uint64_t after, std::size_t limit) {
  co_return audit_.chain(node, after, limit);
}

Task<Result<std::vector<AuditHead>>> MemoryStore::heads() { co_return audit_.heads(); }

Task<Result<void>> MemoryStore::prune(NodeId node, std::uint64_t through) {
  audit_.prune(node, through);
  co_return Result<void>();
}

Task<Result<bool>> MemoryStore::tell(std::vector<OutboxRow> rows, std::optional<Mark> mark, WallTime now) {
  co_return grants_.outbox().tell(std::move(rows), mark, now);
}

Task<Result<std::vector<ClaimedRow>>> MemoryStore::claim_outbox(std::string destination, std::size_t limit,
                                                                Milliseconds hold) {
  co_return grants_.outbox().claim(destination, limit, {clock_.boot(), hold});
}

Task<Result<void>> MemoryStore::settle_outbox(std::vector<Settled> rows) {
  grants_.outbox().settle(rows, clock_.boot());
  co_return Result<void>();
}

Task<Result<std::vector<OutboxDepth>>> MemoryStore::outbox_depths() { co_return grants_.outbox().depths(); }

Task<Result<AppTokenAnswer>> MemoryStore::claim_app_token(AppTokenClaim claim) {
  AppToken& row = app_tokens_[claim.app];
  AppTokenAnswer answer;
  if (row.token.number != 0 && row.token.number != claim.seen) {
    answer.other = row.token;
  } else if (row.claimed_until <= clock_.boot()) {
    answer.renew = true;
    row.claimed_until = clock_.boot() + claim.hold;
  }
  co_return answer;
}

Task<Result<std::uint64_t>> MemoryStore::put_app_token(AppId app, SharedAppToken token) {
  const auto found = app_tokens_.find(app);
  if (found == app_tokens_.end()) co_return fail(ErrorCode::not_found, "nobody has claimed this application's token");
  token.number = found->second.token.number + 1;
  found->second = {std::move(token), BootTime()};
  co_return found->second.token.number;
}

Task<Result<void>> MemoryStore::release_app_token(AppId app) {
  if (const auto found = app_tokens_.find(app); found != app_tokens_.end()) found->second.claimed_until = BootTime();
  co_return Result<void>();
}

}  // namespace keyfob
