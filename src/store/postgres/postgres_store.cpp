#include "store/postgres/postgres_store.hpp"

#include <algorithm>
#include <utility>

#include "base/text_list.hpp"
#include "store/postgres/connect.hpp"
#include "store/postgres/grant_row.hpp"
#include "store/postgres/machinery.hpp"
#include "store/postgres/outbox_statements.hpp"
#include "store/postgres/schema.hpp"

namespace keyfob {

namespace pg = postgres;
using pg::Rows;

using RowSpan = std::span<Rows>;
using MaybeGrant = std::optional<GrantRecord>;

namespace {

constexpr std::size_t kPageLimit = 1000;
constexpr std::int64_t kMinutesKept = 24 * 60;
constexpr int kLooks = 4;

pg::Settings settings_for(const std::string& url, const PostgresOptions& options) {
  pg::Settings settings;
  settings.url = url;
  settings.own_backend = options.own_backend;
  settings.answer_timeout = options.answer_timeout;
  settings.statement_timeout = options.statement_timeout;
  settings.lock_timeout = options.lock_timeout;
  return settings;
}

/// Migrations wait for each other, and take as long as they take.
pg::Settings patient(pg::Settings settings) {
  settings.answer_timeout = hours(1);
  settings.statement_timeout = Milliseconds(0);
  settings.lock_timeout = minutes(5);
  return settings;
}

std::unexpected<Error> no_such_grant(const GrantRef& ref) {
  return fail(ErrorCode::not_found, "there is no grant " + ref.grant.str());
}

Result<MaybeGrant> maybe_grant(RowSpan rows) {
  if (!rows[0].next()) return MaybeGrant();
  return MaybeGrant(pg::read_grant(rows[0]));
}

/// The first answers are those of the notices that went before the change.
auto changed_grant(const std::vector<Notice>& notices) {
  return [skip = notices.size()](RowSpan rows) { return maybe_grant(rows.subspan(skip)); };
}

Result<std::vector<GrantRecord>> all_grants(RowSpan rows) { return pg::read_grants(rows[0]); }

Result<void> nothing(RowSpan) { return {}; }

// The look-up's own index row is part of the association: if it was re-pointed, the MAC must not verify.
void hold_against(GrantRecord& record, const VehicleId& vehicle) {
  auto& vehicles = record.grant.vehicles;
  if (std::ranges::find(vehicles, vehicle) == vehicles.end()) vehicles.push_back(vehicle);
}

std::optional<pg::PagePosition> position_from(std::string_view cursor) {
  auto texts = split_netstrings(cursor);
  if (!texts || texts->size() != 2) return std::nullopt;
  return pg::PagePosition{std::move((*texts)[0]), std::move((*texts)[1])};
}

std::string cursor_of(const Grant& grant) {
  std::string cursor;
  append_netstring(cursor, grant.app.view());
  append_netstring(cursor, grant.id.view());
  return cursor;
}

bool complete(const PutRequest& request) {
  const Grant& grant = request.record.grant;
  return !grant.app.empty() && !grant.id.empty() && !grant.user.empty();
}

Result<void> put_answer(const PutRequest& request, bool stored) {
  if (stored) return {};
  const std::string grant = "grant " + request.record.grant.id.str();
  if (request.replaces) return fail(ErrorCode::conflict, grant + " is not as expected");
  return fail(ErrorCode::conflict, grant + " exists, or another grant is already of this user, account and vehicle");
}

}  // namespace

PostgresStore::PostgresStore(std::unique_ptr<Machinery> machinery) : machinery_(std::move(machinery)) {}
PostgresStore::~PostgresStore() = default;

Result<std::unique_ptr<PostgresStore>> PostgresStore::open(const std::string& url, PostgresOptions options) {
  if (auto readable = pg::check_url(url); !readable) return fail(std::move(readable.error()));
  const auto settings = settings_for(url, options);
  {
    auto session = pg::Session::open(patient(settings));
    if (!session) return fail(std::move(session.error()));
    const auto empty = options.create ? pg::NoTables::make_them : pg::NoTables::is_wrong;
    if (auto migrated = pg::migrate(**session, empty); !migrated) return fail(std::move(migrated.error()));
  }
  // One connection for each kind of work before anything takes more, however few there may be.
  auto reading = pg::Session::open(settings);
  if (!reading) return fail(std::move(reading.error()));
  auto writing = pg::Session::open(settings);
  if (!writing) return fail(std::move(writing.error()));
  auto machinery = std::make_unique<Machinery>(settings, options, std::move(*reading), std::move(*writing));
  return std::unique_ptr<PostgresStore>(new PostgresStore(std::move(machinery)));
}

// --- reads ---

Task<Result<GrantRecord>> PostgresStore::load(GrantRef ref) {
  auto question = pg::load_question(ref);
  auto found = co_await pg::ask<Result<MaybeGrant>>(machinery_->readers, std::move(question), maybe_grant);
  if (!found) co_return fail(std::move(found.error()));
  if (!*found) co_return no_such_grant(ref);
  co_return std::move(**found);
}

Task<Result<std::vector<GrantRecord>>> PostgresStore::find(AppId app, GrantSelector selector) {
  if (selector.user.empty() && selector.vehicle.empty()) {
    co_return fail(ErrorCode::invalid_argument, "a look-up names a user, a vehicle or both");
  }
  auto question = pg::find_question(app, selector);
  auto found = co_await pg::ask<Result<std::vector<GrantRecord>>>(machinery_->readers, std::move(question), all_grants);
  if (found && !selector.vehicle.empty()) {
    for (auto& record : *found) hold_against(record, selector.vehicle);
  }
  co_return found;
}

/// Grants of one application behind `after`.
Task<Result<std::vector<GrantRecord>>> PostgresStore::page_of(GrantFilter filter, std::string app, std::string after,
                                                              std::size_t limit) {
  auto question = pg::page_question(filter, {std::move(app), std::move(after)}, limit);
  return pg::ask<Result<std::vector<GrantRecord>>>(machinery_->readers, std::move(question), all_grants);
}

/// Empty: there is none.
Task<Result<std::string>> PostgresStore::application_after(std::string app) {
  auto question = pg::next_application_question(app);
  auto read = [](RowSpan rows) -> Result<std::string> {
    return rows[0].next() ? std::string(rows[0].text()) : std::string();
  };
  return pg::ask<Result<std::string>>(machinery_->readers, std::move(question), std::move(read));
}

Task<Result<GrantPage>> PostgresStore::list(GrantFilter filter) {
  const auto limit = std::clamp<std::size_t>(filter.limit, 1, kPageLimit);
  pg::PagePosition after{filter.app.str(), ""};
  if (!filter.cursor.empty()) {
    auto position = position_from(filter.cursor);
    if (!position) co_return fail(ErrorCode::invalid_argument, "this is not a cursor of a grant list");
    if (filter.app.empty() || position->app == filter.app.view()) after = std::move(*position);
  }
  GrantPage page;
  Result<std::string> app = after.app;
  if (after.app.empty()) app = co_await application_after("");
  while (app && !app->empty() && page.grants.size() <= limit) {
    const auto room = limit + 1 - page.grants.size();
    auto more = co_await page_of(filter, *app, after.grant, room);
    if (!more) co_return fail(std::move(more.error()));
    std::ranges::move(*more, std::back_inserter(page.grants));
    after.grant.clear();
    if (!filter.app.empty()) break;
    app = co_await application_after(*app);
  }
  if (!app) co_return fail(std::move(app.error()));
  if (page.grants.size() > limit) {
    page.grants.pop_back();
    page.next_cursor = cursor_of(page.grants.back().grant);
  }
  co_return page;
}

// --- one refresh ---

// The condition and the look at why it does not hold are two statements: in between, a lease may have ended.
Task<Result<BeginOutcome>> PostgresStore::begin(BeginRequest request) {
  Milliseconds lease_left(1);
  for (int look = 0; look < kLooks; ++look) {
    auto question = pg::begin_question(request);
    auto begun = co_await pg::ask<Result<MaybeGrant>>(machinery_->writers, std::move(question), maybe_grant);
    if (!begun) co_return fail(std::move(begun.error()));
    if (*begun) co_return Begun{std::move(**begun)};
    auto present = co_await load(request.ref);
    if (!present) co_return fail(std::move(present.error()));
    const Grant& grant = present->grant;
    if (grant.version != request.at || grant.status == GrantStatus::revoked) co_return Moved{std::move(*present)};
    if (!grant.attempt || grant.attempt->lease_left <= Milliseconds(0)) continue;
    lease_left = grant.attempt->lease_left;
    break;
  }
  co_return Busy{lease_left};
}

// Notices are of grants that were refused before, so nearly every commit has none to tell and goes with many others.
Task<Result<CommitOutcome>> PostgresStore::commit(CommitRequest request) {
  const auto minute = pg::minute_of(request.rotated_at);
  if (machinery_->is_new_minute(minute)) {
    machinery_->writers.push(
        std::make_unique<pg::UnwatchedJob>(pg::forget_counts(request.pair.app, minute - kMinutesKept)));
  }
  auto question = pg::commit_question(request, machinery_->writer_id);
  auto stored = co_await pg::ask<Result<MaybeGrant>>(machinery_->writers, std::move(question), maybe_grant);
  if (stored && !*stored && !request.notices.empty()) {
    question = pg::telling_commit_question(request, machinery_->writer_id);
    auto read = changed_grant(request.notices);
    stored = co_await pg::ask<Result<MaybeGrant>>(machinery_->writers, std::move(question), std::move(read));
  }
  if (!stored) co_return fail(std::move(stored.error()));
  if (*stored) co_return Committed{std::move(**stored)};
  GrantRef ref{request.pair.app, request.pair.grant};
  auto present = co_await load(std::move(ref));
  if (!present) co_return fail(std::move(present.error()));
  co_return Moved{std::move(*present)};
}

Task<Result<UpdateOutcome>> PostgresStore::update(GrantRef ref, GrantVersion at, GrantChange change, WallTime now) {
  const pg::UpdateRequest request{ref, at, std::move(change), now};
  auto question = pg::update_question(request, machinery_->writer_id);
  auto read = changed_grant(request.change.notices);
  question.news = true;
  auto stored = co_await pg::ask<Result<MaybeGrant>>(machinery_->writers, std::move(question), std::move(read));
  if (!stored) co_return fail(std::move(stored.error()));
  if (*stored) co_return Updated{std::move(**stored)};
  auto present = co_await load(std::move(ref));
  if (!present) co_return fail(std::move(present.error()));
  co_return Moved{std::move(*present)};
}

// --- other writes ---

Task<Result<std::vector<Result<void>>>> PostgresStore::put(std::vector<PutRequest> requests) {
  using Answers = Result<std::vector<Result<void>>>;
  pg::Question question;
  question.news = true;
  std::vector<std::size_t> answered_by(requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (!complete(requests[i])) continue;
    auto notices = pg::put_notice_calls(requests[i]);
    std::ranges::move(notices.before, std::back_inserter(question.calls));
    answered_by[i] = question.calls.size();
    question.calls.push_back(pg::put_call(requests[i], machinery_->writer_id));
    std::ranges::move(notices.after, std::back_inserter(question.calls));
  }
  std::vector<Result<void>> incomplete(
      requests.size(), fail(ErrorCode::invalid_argument, "a grant has an application, an id and a user"));
  if (question.calls.empty()) co_return incomplete;
  auto read = [requests = std::move(requests), incomplete = std::move(incomplete),
               answered_by = std::move(answered_by)](RowSpan rows) -> Answers {
    auto answers = incomplete;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      if (complete(requests[i])) answers[i] = put_answer(requests[i], rows[answered_by[i]].count() > 0);
    }
    return answers;
  };
  auto answers = co_await pg::ask<Answers>(machinery_->writers, std::move(question), std::move(read));
  co_return answers;
}

Task<Result<std::vector<std::vector<GrantRecord>>>> PostgresStore::find_owners(AppId app, std::vector<UserId> users) {
  using Answers = Result<std::vector<std::vector<GrantRecord>>>;
  if (users.empty()) co_return std::vector<std::vector<GrantRecord>>();
  pg::Question question;
  for (const UserId& user : users) {
    question.calls.push_back(std::move(pg::find_question(app, GrantSelector{user, {}}).calls.front()));
  }
  auto read = [](RowSpan rows) -> Answers {
    std::vector<std::vector<GrantRecord>> all;
    for (Rows& one : rows) all.push_back(pg::read_grants(one));
    return all;
  };
  auto answers = co_await pg::ask<Answers>(machinery_->readers, std::move(question), std::move(read));
  co_return answers;
}

Task<Result<UpdateOutcome>> PostgresStore::reassociate(Reassociation request) {
  auto question = pg::reassociate_question(request, machinery_->writer_id);
  question.news = true;
  auto stored = co_await pg::ask<Result<MaybeGrant>>(machinery_->writers, std::move(question), maybe_grant);
  if (!stored) co_return fail(std::move(stored.error()));
  if (*stored) co_return Updated{std::move(**stored)};
  GrantRef ref = request.ref;
  auto present = co_await load(std::move(ref));
  if (!present) co_return fail(std::move(present.error()));
  if (present->grant.version != request.at) co_return Moved{std::move(*present)};
  co_return fail(ErrorCode::conflict, "another grant is already of the user and account of " + request.ref.grant.str());
}

Task<Result<void>> PostgresStore::remove(GrantRef ref) {
  auto question = pg::remove_question(ref, machinery_->writer_id);
  question.news = true;
  auto read = [ref](RowSpan rows) -> Result<void> {
    if (rows[0].next()) return {};
    return no_such_grant(ref);
  };
  return pg::ask<Result<void>>(machinery_->writers, std::move(question), std::move(read));
}

Task<Result<void>> PostgresStore::keep_late(KeptPair pair) {
  auto question = pg::keep_late_question(pair);
  auto read = [](RowSpan rows) -> Result<bool> { return rows[0].next(); };
  auto kept = co_await pg::ask<Result<bool>>(machinery_->writers, std::move(question), std::move(read));
  if (!kept) co_return fail(std::move(kept.error()));
  if (*kept) co_return Result<void>();
  GrantRef ref{pair.app, pair.grant};
  auto present = co_await load(std::move(ref));
  if (!present) co_return fail(std::move(present.error()));
  co_return fail(ErrorCode::conflict, "the consent of grant " + pair.grant.str() + " was replaced");
}

Task<Result<std::vector<KeptPair>>> PostgresStore::late(GrantRef ref, Epoch epoch) {
  auto question = pg::late_question(ref, epoch);
  auto read = [ref = std::move(ref)](RowSpan rows) -> Result<std::vector<KeptPair>> {
    return pg::read_late(rows[0], ref);
  };
  return pg::ask<Result<std::vector<KeptPair>>>(machinery_->readers, std::move(question), std::move(read));
}

Task<Result<void>> PostgresStore::drop_late(KeptPair pair) {
  auto question = pg::drop_late_question(pair);
  return pg::ask<Result<void>>(machinery_->writers, std::move(question), nothing);
}

// --- background ---

Task<Result<std::vector<GrantRecord>>> PostgresStore::claim_due(std::vector<DueShare> shares, WallTime now,
                                                                Milliseconds hold) {
  auto question = pg::claim_due_question(shares, now, hold);
  if (question.calls.empty()) co_return std::vector<GrantRecord>();
  auto read = [](RowSpan rows) -> Result<std::vector<GrantRecord>> { return pg::read_claimed(rows); };
  auto claimed =
      co_await pg::ask<Result<std::vector<GrantRecord>>>(machinery_->writers, std::move(question), std::move(read));
  co_return claimed;
}

Task<Result<DueOutlook>> PostgresStore::outlook(AppId app, WallTime now, std::size_t count_at_most) {
  auto question = pg::outlook_question(app, now, count_at_most);
  auto read = [](RowSpan rows) -> Result<DueOutlook> { return pg::read_outlook(rows); };
  return pg::ask<Result<DueOutlook>>(machinery_->readers, std::move(question), std::move(read));
}

Task<Result<std::vector<GrantRecord>>> PostgresStore::abandoned(NodeIdentity node, std::size_t limit) {
  auto question = pg::abandoned_question(node, limit);
  return pg::ask<Result<std::vector<GrantRecord>>>(machinery_->readers, std::move(question), all_grants);
}

Task<Result<RefreshHealth>> PostgresStore::health(GrantRef asking, WallTime since) {
  auto question = pg::health_question(asking, since);
  auto read = [](RowSpan rows) -> Result<RefreshHealth> { return pg::read_health(rows); };
  return pg::ask<Result<RefreshHealth>>(machinery_->readers, std::move(question), std::move(read));
}

Task<Result<std::size_t>> PostgresStore::reopen_refused(AppId app, WallTime since, WallTime due_at) {
  auto question = pg::reopen_question(app, since, due_at, machinery_->writer_id);
  question.news = true;
  auto read = [](RowSpan rows) -> Result<std::size_t> { return rows[0].touched(); };
  return pg::ask<Result<std::size_t>>(machinery_->writers, std::move(question), std::move(read));
}

Task<Result<Changes>> PostgresStore::changes_since(std::string cursor) {
  auto& tracker = machinery_->changes;
  auto question = tracker.question(cursor);
  auto read = [&tracker, cursor = std::move(cursor)](RowSpan rows) -> Result<Changes> {
    return tracker.answer(cursor, rows);
  };
  return pg::ask<Result<Changes>>(machinery_->readers, std::move(question), std::move(read));
}

void PostgresStore::on_change(std::function<void()> wake) { machinery_->bell.on_ring(std::move(wake)); }

}  // namespace keyfob
