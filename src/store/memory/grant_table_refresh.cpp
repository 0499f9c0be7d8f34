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
  outbox_.add(request.notices, grant.status);
  store_pair(*row, request);
  attempts_.erase(key_of(ref));
  set_due(key_of(ref), *row, request.due_at);
  set_renew_by(key_of(ref), *row, request.renew_by);
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
  outbox_.add(change.notices, row->record.grant.status);
  apply(*row, change);
  row->record.grant.updated_at = wall;
  if (!row->lease) attempts_.erase(key_of(ref));
  if (change.due_at) set_due(key_of(ref), *row, *change.due_at);
  changed(row->record.grant);
  return Updated{view(*row, now)};
}

Result<UpdateOutcome> GrantTable::reassociate(const Reassociation& request, BootTime now) {
  Row* row = row_of(request.ref);
  if (row == nullptr) return no_such_grant(request.ref);
  if (row->record.grant.version != request.at) return Moved{view(*row, now)};
  Row next = *row;
  next.record.grant.provider_user = request.provider_user;
  next.record.grant.vehicles = request.vehicles;
  next.record.grant.updated_at = request.now;
  next.record.association_mac = request.association_mac;
  const auto holder = unique_.find(unique_key_of(next.record.grant));
  if (holder != unique_.end() && holder->second != request.ref.grant.view()) {
    return fail(ErrorCode::conflict, "grant " + holder->second + " is already of this user, account and vehicle");
  }
  changed(row->record.grant);
  unindex(key_of(request.ref), *row);
  *row = std::move(next);
  index(key_of(request.ref), *row);
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
  due_.erase({key.first, row.record.grant.due_at, key.second});
  row.record.grant.due_at = due_at;
  due_.emplace(key.first, due_at, key.second);
}

void GrantTable::set_renew_by(const Key& key, Row& row, WallTime renew_by) {
  renew_by_.erase({key.first, row.record.grant.renew_by, key.second});
  row.record.grant.renew_by = renew_by;
  renew_by_.emplace(key.first, renew_by, key.second);
}

/// Unsettled grants first, then the longest overdue, none twice.
std::vector<GrantTable::Key> GrantTable::due_of(const DueShare& share, WallTime wall) const {
  std::vector<Key> unsettled;
  std::vector<Key> others;
  for (auto it = due_.lower_bound({share.app.str(), WallTime::min(), ""}); it != due_.end(); ++it) {
    const auto& [app, due_at, grant] = *it;
    if (app != share.app.view() || due_at > wall) break;
    const GrantStatus status = rows_.at({app, grant}).record.grant.status;
    if (status == GrantStatus::revoked) continue;
    const bool ahead = status == GrantStatus::suspect || status == GrantStatus::revoking;
    const bool fits = unsettled.size() < std::min(share.unsettled, share.limit);
    (ahead && fits ? unsettled : others).emplace_back(app, grant);
  }
  for (const Key& key : others) {
    if (unsettled.size() >= share.limit) break;
    unsettled.push_back(key);
  }
  return unsettled;
}

std::vector<GrantRecord> GrantTable::claim_due(const std::vector<DueShare>& shares, WallTime wall, Milliseconds hold,
                                               BootTime now) {
  std::vector<GrantRecord> claimed;
  for (const DueShare& share : shares) {
    for (const Key& key : due_of(share, wall)) {
      Row& row = rows_.at(key);
      set_due(key, row, wall + hold);
      claimed.push_back(view(row, now));
    }
  }
  return claimed;
}

DueOutlook GrantTable::outlook(const AppId& app, WallTime wall, std::size_t count_at_most) const {
  DueOutlook outlook;
  const auto status_of = [&](const std::string& grant) { return rows_.at({app.str(), grant}).record.grant.status; };
  for (auto it = due_.lower_bound({app.str(), WallTime::min(), ""}); it != due_.end(); ++it) {
    const auto& [owner, due_at, grant] = *it;
    if (owner != app.view() || (outlook.oldest_due && (due_at > wall || outlook.due == count_at_most))) break;
    if (status_of(grant) == GrantStatus::revoked) continue;
    if (!outlook.oldest_due) outlook.oldest_due = due_at;
    if (due_at <= wall && outlook.due < count_at_most) ++outlook.due;
  }
  for (auto it = renew_by_.lower_bound({app.str(), WallTime::min(), ""}); it != renew_by_.end(); ++it) {
    const auto& [owner, renew_by, grant] = *it;
    if (owner != app.view() || renew_by > wall) break;
    const GrantStatus status = status_of(grant);
    if (status != GrantStatus::active && status != GrantStatus::suspect) continue;
    outlook.renew_first = renew_by;
    break;
  }
  return outlook;
}

std::vector<GrantRecord> GrantTable::abandoned(const NodeIdentity& node, std::size_t limit, BootTime now) const {
  std::vector<const Row*> rows;
  for (const auto& key : attempts_) {
    const Row& row = rows_.at(key);
    const bool dead = dead_incarnation(row.lease->node, row.lease->incarnation, node);
    if (row.lease->until <= now || dead) rows.push_back(&row);
  }
  std::ranges::stable_sort(rows, [](const Row* a, const Row* b) { return a->lease->until > b->lease->until; });
  rows.resize(std::min(rows.size(), limit));
  std::vector<GrantRecord> found;
  for (const Row* row : rows) found.push_back(view(*row, now));
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
