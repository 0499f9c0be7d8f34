#include "store/postgres/change_feed.hpp"

#include <charconv>

#include "base/text_list.hpp"
#include "store/postgres/grant_row.hpp"

namespace keyfob::postgres {
namespace {

constexpr std::size_t kMostChanges = 10'000;
constexpr std::size_t kMostReaders = 16;
constexpr std::int64_t kRemovalsKept = 3'600'000;  // milliseconds

constexpr char kNow[] =
    "SELECT txid_snapshot_xmin(txid_current_snapshot()), "
    "(SELECT CAST(COALESCE(sum(changes), 0) AS bigint) FROM directory_changes), " KEYFOB_NOW;
constexpr char kChanged[] =
    "SELECT changed_xid, app_id, grant_id, user_id, vehicles FROM grants WHERE changed_xid >= $1 AND changed_by <> $2 "
    "LIMIT $3";
constexpr char kRemoved[] =
    "SELECT changed_xid, app_id, grant_id, user_id, vehicles FROM removed_grants WHERE changed_xid >= $1 AND "
    "changed_by <> $2 LIMIT $3";

std::optional<std::int64_t> number_from(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<ChangeTracker::Place> ChangeTracker::place_from(const std::string& cursor) {
  const auto texts = split_netstrings(cursor);
  if (!texts || texts->size() != 4) return std::nullopt;
  Place place;
  std::int64_t* const fields[] = {&place.oldest, &place.directory, &place.looked_at, &place.reader};
  for (std::size_t i = 0; i < 4; ++i) {
    const auto value = number_from((*texts)[i]);
    if (!value) return std::nullopt;
    *fields[i] = *value;
  }
  return place;
}

std::string ChangeTracker::cursor_of(const Place& place) {
  std::string cursor;
  for (const auto field : {place.oldest, place.directory, place.looked_at, place.reader}) {
    append_netstring(cursor, std::to_string(field));
  }
  return cursor;
}

// The snapshot is taken first: what it calls running is looked for again the next time.
Question ChangeTracker::question(const std::string& cursor) const {
  Question question{{}, {call(kNow)}};
  if (const auto place = place_from(cursor)) {
    question.calls.push_back(call(kChanged, place->oldest, writer_, kMostChanges + 1));
    question.calls.push_back(call(kRemoved, place->oldest, writer_, kMostChanges + 1));
  }
  return question;
}

void ChangeTracker::read_changed(Rows& rows, Told& told, Changes& changes) {
  while (rows.next()) {
    const auto xid = rows.integer();
    ChangedGrant changed;
    changed.ref.app = rows.id<AppId>();
    changed.ref.grant = rows.id<GrantId>();
    changed.user = rows.id<UserId>();
    for (const auto vehicle : rows.texts()) changed.vehicles.emplace_back(vehicle);
    if (told.emplace(xid, join_netstrings(std::vector{changed.ref.app.str(), changed.ref.grant.str()})).second) {
      changes.grants.push_back(std::move(changed));
    }
  }
}

Changes ChangeTracker::answer(const std::string& cursor, std::span<Rows> rows) {
  const auto before = place_from(cursor);
  Changes changes;
  Place now;
  rows[0].next();
  now.oldest = rows[0].integer();
  now.directory = rows[0].integer();
  now.looked_at = rows[0].integer();
  const std::scoped_lock lock(mutex_);
  now.reader = before && told_.contains(before->reader) ? before->reader : ++last_reader_;
  if (told_.size() > kMostReaders) told_.clear();
  Told& told = told_[now.reader];
  if (before) {
    read_changed(rows[1], told, changes);
    read_changed(rows[2], told, changes);
    // Transaction ids that run backwards are those of another database: a restored one, or a standby that lost some.
    changes.everything = now.reader != before->reader || now.oldest < before->oldest ||
                         rows[1].count() > kMostChanges || rows[2].count() > kMostChanges ||
                         now.looked_at - before->looked_at > kRemovalsKept / 2;
    changes.directory = changes.everything || now.directory != before->directory;
  }
  told.erase(told.begin(), told.lower_bound({now.oldest, {}}));
  changes.cursor = cursor_of(now);
  return changes;
}

}  // namespace keyfob::postgres
