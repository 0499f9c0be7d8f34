// GrantTable: the writes of a refresh, late pairs, background work, health and changes.
#include <algorithm>
#include <iterator>

#include "store/memory/grant_table.hpp"

namespace keyfob {
namespace {

constexpr std::size_t kChangesKept = 65536;

std::unexpected<Error> no_such_grant(const GrantRef& ref) {
  return fail(ErrorCode::not_found, "there is no grant " + ref.grant.str());
}

std::int64_t minute_of(WallTime t) { return std::chrono::floor<minutes>(t.time_since_epoch()).count(); }

bool dead_incarnation(const NodeId& holder, Incarnation incarnation, const NodeIdentity& node) {
  return holder == node.id && incarnation < node.incarnation;
}

}  // namespace

bool GrantTable::may_begin(const Row& row, const BeginRequest& request, BootTime now) {
  if (!row.lease || row.lease->until <= now) return true;
  if (dead_incarnation(row.lease->node, row.lease->incarnation, request.node)) return true;
  // The same id again is a Begin whose acknowledgement was lost.
  return row.lease->id == request.attempt || row.lease->id == request.replaces;
}

Result<BeginOutcome> GrantTable::begin(const BeginRequest& request, BootTime now) {
  Row* row = row_of(request.ref);
  if (row == nullptr) return no_such_grant(request.ref);
  const Grant& grant = row->record.grant;
  if (grant.version != request.at || grant.status == GrantStatus::revoked) return Moved{view(*row, now)};
  if (!may_begin(*row, request, now)) return Busy{row->lease->until - now};

  Lease lease{request.attempt, request.node.id, request.node.incarnation, now, now + request.lease, std::nullopt};
  if (row->lease) {
    lease.first_sent = row->lease->first_sent;
    lease.stranded = row->lease->node == request.node.id ? row->lease->stranded : row->lease->node;
  }
  row->lease = std::move(lease);
  attempts_.insert(key_of(request.ref));
  return Begun{view(*row, now)};
}

void GrantTable::store_pair(Row& row, const CommitRequest& request) {
  Grant& grant = row.record.grant;
  row.record.sealed = request.pair.sealed;
  grant.access_expires_at = request.pair.access_expires_at;
  grant.refresh_expires_at = request.pair.refresh_expires_at;
  grant.version.generation = grant.version.generation.next();
  if (grant.status != GrantStatus::revoking) grant.status = GrantStatus::active;
  if (!request.pair.scope.empty()) grant.scope = request.pair.scope;
  grant.refusals = {};
  grant.rotated_at = request.rotated_at;
  grant.updated_at = request.rotated_at;
  row.lease.reset();
}

Result<CommitOutcome> GrantTable::commit(const CommitRequest& request, BootTime now) {
  const GrantRef ref{request.pair.app, request.pair.grant};
  Row* row = row_of(ref);
  if (row == nullptr) return no_such_grant(ref);
  const Grant& grant = row->record.grant;
  if (grant.version != request.pair.at || grant.status == GrantStatus::revoked) return Moved{view(*row, now)};
  store_pair(*row, request);
  attempts_.erase(key_of(ref));
  set_due(key_of(ref), *row, request.due_at);
  count_success(request);
  changed(grant);
  return Committed{view(*row, now)};
}

void GrantTable::apply(Row& row, const GrantChange& change) {
  Grant& grant = row.record.grant;
  if (change.status) grant.status = *change.status;
  if (change.clear_attempt && row.lease && row.lease->id == *change.clear_attempt) row.lease.reset();
  if (change.refusals) grant.refusals = *change.refusals;
  if (change.attention) grant.attention = *change.attention;
  if (!change.forget_tokens) return;
  row.record.sealed = {};
  row.record.association_mac = change.association_mac;
  row.late.clear();
  row.lease.reset();
  grant.version.epoch = grant.version.epoch.next();
}

Result<UpdateOutcome> GrantTable::update(const GrantRef& ref, GrantVersion at, const GrantChange& change, WallTime wall,
                                         BootTime now) {
  Row* row = row_of(ref);
  if (row == nullptr) return no_such_grant(ref);
  if (row->record.grant.version != at) return Moved{view(*row, now)};
  apply(*row, change);
  row->record.grant.updated_at = wall;
  if (!row->lease) attempts_.erase(key_of(ref));
  if (change.due_at) set_due(key_of(ref), *row, *change.due_at);
  changed(row->record.grant);
  return Updated{view(*row, now)};
}

Result<void> GrantTable::keep_late(KeptPair pair) {
  Row* row = row_of({pair.app, pair.grant});
  if (row == nullptr) return no_such_grant({pair.app, pair.grant});
  if (row->record.grant.version.epoch != pair.at.epoch) {
    return fail(ErrorCode::conflict, "the consent of grant " + pair.grant.str() + " was replaced");
  }
  const auto same = [&](const KeptPair& other) { return other.at == pair.at && other.sealed == pair.sealed; };
  if (std::ranges::none_of(row->late, same)) row->late.push_back(std::move(pair));
  return {};
}

std::vector<KeptPair> GrantTable::late(const GrantRef& ref, Epoch epoch) const {
  const Row* row = row_of(ref);
  std::vector<KeptPair> found;
  if (row == nullptr) return found;
  std::ranges::copy_if(row->late, std::back_inserter(found),
                       [&](const KeptPair& pair) { return pair.at.epoch == epoch; });
  std::ranges::reverse(found);
  std::ranges::stable_sort(found, [](const KeptPair& a, const KeptPair& b) { return a.received_at > b.received_at; });
  return found;
}

void GrantTable::drop_late(const KeptPair& pair) {
  if (Row* row = row_of({pair.app, pair.grant})) {
    std::erase_if(row->late, [&](const KeptPair& other) { return other.at == pair.at && other.sealed == pair.sealed; });
  }
}

void GrantTable::set_due(const Key& key, Row& row, WallTime due_at) {
  due_.erase({row.record.grant.due_at, key});
  row.record.grant.due_at = due_at;
  due_.emplace(due_at, key);
}

std::vector<GrantRecord> GrantTable::claim_due(WallTime wall, Milliseconds hold, std::size_t limit, BootTime now) {
  std::vector<Key> keys;
  for (const auto& [due_at, key] : due_) {
    if (due_at > wall || keys.size() >= limit) break;
    if (rows_.at(key).record.grant.status != GrantStatus::revoked) keys.push_back(key);
  }
  std::vector<GrantRecord> claimed;
  for (const auto& key : keys) {
    Row& row = rows_.at(key);
    set_due(key, row, wall + hold);
    claimed.push_back(view(row, now));
  }
  return claimed;
}

std::vector<GrantRecord> GrantTable::abandoned(const NodeIdentity& node, std::size_t limit, BootTime now) const {
  std::vector<GrantRecord> found;
  for (const auto& key : attempts_) {
    if (found.size() >= limit) break;
    const Row& row = rows_.at(key);
    if (row.lease->until <= now || dead_incarnation(row.lease->node, row.lease->incarnation, node)) {
      found.push_back(view(row, now));
    }
  }
  return found;
}

void GrantTable::count_success(const CommitRequest& request) {
  Successes& minute = successes_[{request.pair.app.str(), minute_of(request.rotated_at)}];
  ++minute.count;
  if (minute.last.first != request.pair.grant) minute.other = minute.last;
  minute.last = {request.pair.grant, request.rotated_at};
}

RefreshHealth GrantTable::health(const GrantRef& asking, WallTime since) const {
  RefreshHealth health;
  const auto is_other = [&](const auto& success) {
    return !success.first.empty() && success.first != asking.grant && success.second >= since;
  };
  for (auto it = successes_.lower_bound({asking.app.str(), minute_of(since)});
       it != successes_.end() && it->first.first == asking.app.view(); ++it) {
    const Successes& minute = it->second;
    if (minute.last.second < since) continue;
    health.refreshed += minute.count;
    health.other_refreshed = health.other_refreshed || is_other(minute.last) || is_other(minute.other);
  }
  for (auto it = rows_.lower_bound({asking.app.str(), ""}); it != rows_.end() && it->first.first == asking.app.view();
       ++it) {
    const Refusals& refusals = it->second.record.grant.refusals;
    if (refusals.count > 0 && refusals.last_at >= since) ++health.refused_grants;
  }
  return health;
}

std::size_t GrantTable::reopen_refused(const AppId& app, WallTime since, WallTime due_at) {
  std::size_t reopened = 0;
  for (auto it = rows_.lower_bound({app.str(), ""}); it != rows_.end() && it->first.first == app.view(); ++it) {
    Grant& grant = it->second.record.grant;
    if (grant.status != GrantStatus::needs_reauth || grant.refusals.count == 0 || grant.refusals.last_at < since) {
      continue;
    }
    grant.status = GrantStatus::suspect;
    set_due(it->first, it->second, due_at);
    changed(grant);
    ++reopened;
  }
  return reopened;
}

void GrantTable::changed(const Grant& grant) {
  changes_.push_back({{grant.app, grant.id}, grant.user, grant.vehicles});
  if (changes_.size() <= kChangesKept) return;
  changes_.pop_front();
  ++changes_begin_;
}

std::optional<std::vector<ChangedGrant>> GrantTable::changes_from(std::uint64_t position) const {
  if (position < changes_begin_ || position > change_position()) return std::nullopt;
  return std::vector<ChangedGrant>(changes_.begin() + static_cast<std::ptrdiff_t>(position - changes_begin_),
                                   changes_.end());
}

}  // namespace keyfob
