// What PostgresStore promises beyond the contract: what happens when the database, or the way to it, fails.
#include <atomic>
#include <thread>

#include "postgres_fixture.hpp"
#include "store/postgres/dialogue.hpp"
#include "store/postgres/schema.hpp"
#include "store/postgres/sqlstate.hpp"

namespace keyfob::contract {
namespace {

using testing::HasSubstr;

class PostgresTest : public testing::Test {
 protected:
  Result<std::unique_ptr<PostgresStore>> try_open(const std::string& url) { return PostgresStore::open(url, options); }
  void open() { store = try_open(schema.url()).value(); }
  Result<void> put(const GrantRecord& record) {
    std::vector<PutRequest> requests;
    requests.push_back({record, std::nullopt});
    auto answers = run(store->put(std::move(requests)));
    if (!answers) return fail(answers.error());
    return answers->front();
  }
  Result<GrantRecord> load(const GrantRecord& record) { return run(store->load({record.grant.app, record.grant.id})); }
  Result<BeginOutcome> begin(const GrantRecord& record, const char* attempt) {
    return run(store->begin(begin_request(record, kNodeA, attempt)));
  }
  /// Ends every connection of the stores, as an administrator or a restart does.
  void end_connections() {
    schema.sql("SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE application_name = 'keyfob'");
  }

  /// Another session has the lock of these grants for so long, from now on; no two of a test for equally long.
  [[nodiscard]] std::thread hold(const std::string& where, const std::string& seconds_text) {
    const std::string sleep = "pg_sleep(" + seconds_text + ")";
    std::thread holder([this, where, sleep] {
      schema.sql("BEGIN; SELECT 1 FROM grants WHERE " + where + " FOR UPDATE; SELECT " + sleep + "; COMMIT");
    });
    const auto asleep =
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%" + sleep + "%' AND wait_event = 'PgSleep'";
    while (schema.sql(asleep) == "0") std::this_thread::yield();
    return holder;
  }
  /// What is asked while a row is locked waits, and then goes together.
  void open_with_one_patient_writer() {
    options.lock_timeout = seconds(20);
    options.statement_timeout = seconds(20);
    options.answer_timeout = seconds(30);
    options.writers = 1;
    open();
  }

  PostgresSchema schema;
  PostgresOptions options = [] {
    PostgresOptions fast;
    fast.create = true;
    fast.answer_timeout = seconds(3);
    fast.statement_timeout = Milliseconds(800);
    fast.lock_timeout = Milliseconds(300);
    return fast;
  }();
  std::unique_ptr<PostgresStore> store;
};

TEST_F(PostgresTest, ended_connections_are_made_anew_and_nobody_notices) {
  open();
  const auto grant = account_grant("g1", "alice");
  ASSERT_THAT(put(grant), is_ok());
  for (int i = 0; i < 3; ++i) {
    end_connections();
    EXPECT_THAT(load(grant), is_ok());
    EXPECT_THAT(begin(grant, "attempt-1"), holds(Begun{}));
  }
}

TEST_F(PostgresTest, a_restarted_server_is_found_again) {
  PostgresServer own;
  options.readers = 1;
  options.writers = 1;
  store = try_open(own.url()).value();
  const auto grant = account_grant("g1", "alice");
  ASSERT_THAT(put(grant), is_ok());
  own.stop();
  EXPECT_THAT(load(grant), is_error(ErrorCode::unavailable)) << "known not to have happened, and at once";
  EXPECT_THAT(begin(grant, "attempt-1"), is_error(ErrorCode::unavailable));
  own.start();
  Result<GrantRecord> found = load(grant);
  for (int i = 0; i < 200 && !found; ++i) {
    std::this_thread::sleep_for(Milliseconds(20));
    found = load(grant);
  }
  EXPECT_THAT(found, is_ok());
  own.crash();
  own.start();
  for (int i = 0; i < 200 && !(found = load(grant)); ++i) std::this_thread::sleep_for(Milliseconds(20));
  EXPECT_THAT(found, is_ok()) << "what was acknowledged survives a crash";
}

TEST_F(PostgresTest, a_lost_acknowledgement_is_unknown_and_reading_again_tells) {
  PostgresServer own({"synchronous_standby_names = ''"});
  options.answer_timeout = Milliseconds(500);
  store = try_open(own.url()).value();
  std::vector<GrantRecord> grants;
  for (int i = 0; i < 50; ++i) grants.push_back(account_grant("g" + std::to_string(i), "u" + std::to_string(i)));
  for (const auto& grant : grants) ASSERT_THAT(put(grant), is_ok());
  // Nobody confirms the commit, so it happens and its acknowledgement never comes; soon after the server was told.
  postgres_sql(own.url(), "ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
  postgres_sql(own.url(), "SELECT pg_reload_conf()");
  std::size_t at = 0;
  auto committed = run(store->commit(commit_request(grants[at], "new")));
  while (committed && ++at < grants.size()) committed = run(store->commit(commit_request(grants[at], "new")));
  EXPECT_THAT(committed, is_error(ErrorCode::timeout));
  postgres_sql(own.url(), "ALTER SYSTEM RESET synchronous_standby_names");
  postgres_sql(own.url(), "SELECT pg_reload_conf()");
  auto again = run(store->commit(commit_request(grants[at], "new")));
  for (int i = 0; i < 50 && !again; ++i) again = run(store->commit(commit_request(grants[at], "new")));
  ASSERT_THAT(again, holds(Moved{})) << "it had happened";
  EXPECT_EQ(std::get<Moved>(*again).record.sealed, pair_for(grants[at], "new").sealed);
}

TEST_F(PostgresTest, a_locked_row_is_an_outage_and_not_a_hang) {
  open();
  const auto grant = account_grant("g1", "alice");
  ASSERT_THAT(put(grant), is_ok());
  std::thread holder = hold("true", "1.5");
  const auto refused = begin(grant, "attempt-1");
  EXPECT_THAT(refused, is_error(ErrorCode::unavailable));
  EXPECT_THAT(refused.error().hint, HasSubstr("another session holds the row"));
  EXPECT_THAT(load(grant), is_ok()) << "reads wait for nobody";
  holder.join();
  EXPECT_THAT(begin(grant, "attempt-1"), holds(Begun{}));
}

TEST_F(PostgresTest, one_locked_row_does_not_fail_those_beside_it) {
  open();
  const auto locked = account_grant("g1", "alice");
  const auto free = account_grant("g2", "bob");
  ASSERT_THAT(put(locked), is_ok());
  ASSERT_THAT(put(free), is_ok());
  std::thread holder = hold("grant_id = 'g1'", "1.4");
  std::vector<Task<Result<BeginOutcome>>> begins;
  begins.push_back(store->begin(begin_request(locked, kNodeA, "attempt-1")));
  begins.push_back(store->begin(begin_request(free, kNodeA, "attempt-2")));
  const auto answers = run_all(std::move(begins));
  EXPECT_THAT(answers[0], is_error(ErrorCode::unavailable));
  EXPECT_THAT(answers[1], holds(Begun{}));
  holder.join();
}

TEST_F(PostgresTest, a_statement_that_takes_too_long_is_an_outage_and_has_not_happened) {
  options.lock_timeout = seconds(20);
  open();
  const auto grant = account_grant("g1", "alice");
  ASSERT_THAT(put(grant), is_ok());
  std::thread holder = hold("true", "1.6");
  EXPECT_THAT(begin(grant, "attempt-1"), is_error(ErrorCode::unavailable)) << "the server's own limit";
  holder.join();
  EXPECT_FALSE(load(grant)->grant.attempt);
  EXPECT_THAT(begin(grant, "attempt-2"), holds(Begun{}));
}

TEST_F(PostgresTest, a_transaction_that_idles_is_ended_by_the_server_and_has_not_happened) {
  open();
  const auto grant = account_grant("g1", "alice");
  ASSERT_THAT(put(grant), is_ok());
  postgres::Settings settings;
  settings.url = schema.url();
  settings.answer_timeout = seconds(2);
  auto session = postgres::Session::open(settings).value();
  postgres::Dialogue dialogue(*session);
  dialogue.ask("UPDATE grants SET scope = 'half done'");
  ASSERT_FALSE(dialogue.failed());
  const auto held = [&] {
    return schema.sql("SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'") != "0";
  };
  for (int i = 0; i < 1000 && held(); ++i) std::this_thread::sleep_for(Milliseconds(10));
  EXPECT_FALSE(held()) << "whoever sleeps in a transaction holds nobody up";
  const auto outcome = dialogue.end(true);
  EXPECT_EQ(outcome.kind, postgres::Outcome::Kind::refused);
  EXPECT_EQ(postgres::remedy_of(outcome.sqlstate), postgres::Remedy::another_server) << "lanes do it once more";
  EXPECT_FALSE(session->alive());
  const auto found = load(grant);
  ASSERT_THAT(found, is_ok());
  EXPECT_NE(found->grant.scope, "half done");
}

TEST_F(PostgresTest, what_waits_together_goes_in_one_transaction_and_each_gets_its_own_answer) {
  open_with_one_patient_writer();
  std::vector<GrantRecord> grants;
  for (int i = 10; i < 60; ++i) grants.push_back(account_grant("g" + std::to_string(i), "u" + std::to_string(i)));
  for (const auto& grant : grants) ASSERT_THAT(put(grant), is_ok());
  std::thread holder = hold("grant_id = 'g10'", "1.3");
  std::vector<Task<Result<CommitOutcome>>> commits;
  for (const auto& grant : grants) commits.push_back(store->commit(commit_request(grant, "new")));
  commits.push_back(store->commit(commit_request(grants[7], "late")));
  const auto answers = run_all(std::move(commits));
  holder.join();
  EXPECT_THAT(answers.back(), holds(Moved{})) << "the second pair of one grant";
  for (std::size_t i = 0; i < grants.size(); ++i) {
    ASSERT_THAT(answers[i], holds(Committed{}));
    EXPECT_EQ(std::get<Committed>(*answers[i]).record.grant.id, grants[i].grant.id);
    EXPECT_EQ(load(grants[i])->sealed, pair_for(grants[i], "new").sealed);
  }
  EXPECT_LE(std::stoi(schema.sql("SELECT count(DISTINCT changed_xid) FROM grants")), 2);
  const auto health = run(store->health({kApp, grants[3].grant.id}, at(0))).value();
  EXPECT_EQ(health.refreshed, grants.size());
  EXPECT_TRUE(health.other_refreshed);
}

TEST_F(PostgresTest, commits_with_notices_of_what_did_not_happen_go_together_and_the_others_tell_them) {
  open_with_one_patient_writer();
  std::vector<GrantRecord> grants;
  for (int i = 10; i < 30; ++i) grants.push_back(account_grant("g" + std::to_string(i), "u" + std::to_string(i)));
  for (std::size_t i : {4U, 9U}) grants[i].grant.status = GrantStatus::suspect;
  for (const auto& grant : grants) ASSERT_THAT(put(grant), is_ok());
  std::thread holder = hold("grant_id = 'g10'", "1.1");
  std::vector<Task<Result<CommitOutcome>>> commits;
  for (const auto& grant : grants) {
    auto request = commit_request(grant, "new");
    OutboxRow row;
    row.id = "recovered " + grant.grant.id.str();
    row.destination = "events";
    row.app = kApp;
    row.stream = grant.grant.id.str();
    row.name = "grant.recovered";
    row.at = at(10);
    request.notices.push_back({row, {GrantStatus::suspect, GrantStatus::needs_reauth}});
    commits.push_back(store->commit(std::move(request)));
  }
  const auto answers = run_all(std::move(commits));
  holder.join();
  for (const auto& answer : answers) EXPECT_THAT(answer, holds(Committed{}));
  EXPECT_EQ(schema.sql("SELECT string_agg(event_id, ', ' ORDER BY event_id) FROM outbox"),
            "recovered g14, recovered g19");
  EXPECT_LE(
      std::stoi(schema.sql("SELECT count(DISTINCT changed_xid) FROM grants WHERE grant_id NOT IN ('g14', 'g19')")), 2);
  EXPECT_EQ(schema.sql("SELECT count(*) FROM grants WHERE status = 'active' AND generation = 2"), "20");
}

TEST_F(PostgresTest, begins_that_wait_together_are_judged_one_by_one) {
  open_with_one_patient_writer();
  const auto first = account_grant("g1", "alice");
  const auto wanted_twice = account_grant("g2", "bob");
  auto moved = account_grant("g3", "carol");
  for (const auto& grant : {first, wanted_twice, moved}) ASSERT_THAT(put(grant), is_ok());
  std::thread holder = hold("grant_id = 'g1'", "1.2");
  moved.grant.version.generation = Generation(7);
  std::vector<Task<Result<BeginOutcome>>> begins;
  begins.push_back(store->begin(begin_request(first, kNodeA, "attempt-1")));
  begins.push_back(store->begin(begin_request(wanted_twice, kNodeA, "attempt-2")));
  begins.push_back(store->begin(begin_request(wanted_twice, kNodeA, "attempt-3")));
  begins.push_back(store->begin(begin_request(moved, kNodeA, "attempt-4")));
  const auto answers = run_all(std::move(begins));
  holder.join();
  EXPECT_THAT(answers[0], holds(Begun{}));
  EXPECT_THAT(answers[1], holds(Begun{}));
  EXPECT_THAT(answers[2], holds(Busy{}));
  EXPECT_THAT(answers[3], holds(Moved{}));
}

TEST_F(PostgresTest, a_vehicle_noted_twice_finds_its_grant_once) {
  open();
  const auto grant = account_grant("g1", "alice");
  ASSERT_THAT(put(grant), is_ok());
  schema.sql("INSERT INTO grant_vehicles SELECT * FROM grant_vehicles");
  GrantSelector selector;
  selector.vehicle = grant.grant.vehicles.front();
  EXPECT_EQ(run(store->find(kApp, selector))->size(), 1U);
  GrantFilter filter;
  filter.app = kApp;
  filter.vehicle = selector.vehicle;
  EXPECT_EQ(run(store->list(filter))->grants.size(), 1U);
}

TEST_F(PostgresTest, a_store_of_the_first_schema_is_migrated_with_what_is_in_it) {
  schema.sql(postgres::migrations().front().sql);
  schema.sql(
      "CREATE TABLE keyfob_schema (id bigint PRIMARY KEY, version bigint NOT NULL); "
      "INSERT INTO keyfob_schema VALUES (1, 1)");
  schema.sql(
      "INSERT INTO grants VALUES ('app-1', 'g1', 'alice', 'p', '', false, '{v1,v2}', 's', 'active', 3, 2, 1, 2, 3, "
      "4, NULL, 5, 6, 0, NULL, NULL, false, false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, "
      "'a', 'b', 'c', 1, 1); INSERT INTO grant_vehicles VALUES ('app-1', 'v1', 'g1'), ('app-1', 'v2', 'g1')");
  open();
  GrantSelector selector;
  selector.vehicle = VehicleId("v2");
  const auto found = run(store->find(kApp, selector)).value();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].grant.version.generation, Generation(3));
  EXPECT_EQ(schema.sql("SELECT version FROM keyfob_schema"), std::to_string(postgres::migrations().back().number));
}

TEST_F(PostgresTest, serialization_failures_are_repeated) {
  options.own_backend = false;
  options.writers = 4;
  store = try_open(schema.url() + "%20-cdefault_transaction_isolation%3Dserializable").value();
  for (int i = 0; i < 40; ++i)
    ASSERT_THAT(put(account_grant("g" + std::to_string(i), "u" + std::to_string(i))), is_ok());
  std::vector<Task<Result<std::vector<GrantRecord>>>> claims;
  for (int i = 0; i < 8; ++i) claims.push_back(store->claim_due({{kApp, 5}}, at(200), minutes(1)));
  std::set<std::string> seen;
  for (const auto& claimed : run_all(std::move(claims))) {
    ASSERT_THAT(claimed, is_ok());
    for (const auto& record : *claimed) EXPECT_TRUE(seen.insert(record.grant.id.str()).second);
  }
}

TEST_F(PostgresTest, a_limit_of_connections_leaves_the_work_to_those_that_are_there) {
  PostgresServer own({"max_connections = 5", "superuser_reserved_connections = 0", "max_wal_senders = 0"});
  options.readers = 4;
  options.writers = 4;
  store = try_open(own.url()).value();
  for (int i = 0; i < 20; ++i)
    ASSERT_THAT(put(account_grant("g" + std::to_string(i), "u" + std::to_string(i))), is_ok());
  std::vector<Task<Result<GrantRecord>>> loads;
  for (int i = 0; i < 20; ++i) loads.push_back(store->load({kApp, GrantId("g" + std::to_string(i))}));
  int good = 0;
  for (const auto& loaded : run_all(std::move(loads))) {
    if (!loaded) {
      EXPECT_THAT(loaded, is_error(ErrorCode::unavailable));
    }
    good += loaded ? 1 : 0;
  }
  EXPECT_GT(good, 0);
}

TEST_F(PostgresTest, five_nodes_that_start_at_once_make_the_tables_once) {
  std::vector<std::thread> nodes;
  std::vector<Result<std::unique_ptr<PostgresStore>>> stores;
  for (int i = 0; i < 5; ++i) stores.emplace_back(fail(ErrorCode::internal, "not run"));
  for (int i = 0; i < 5; ++i)
    nodes.emplace_back([&, i] { stores[static_cast<std::size_t>(i)] = try_open(schema.url()); });
  for (auto& node : nodes) node.join();
  for (const auto& opened : stores) EXPECT_THAT(opened, is_ok());
  EXPECT_EQ(schema.sql("SELECT count(*) FROM keyfob_schema"), "1");
}

TEST_F(PostgresTest, a_newer_store_an_empty_database_and_somebody_elses_tables_are_refused) {
  options.create = false;
  EXPECT_THAT(try_open(schema.url()), is_error(ErrorCode::not_found));
  options.create = true;
  schema.sql("CREATE TABLE grants (theirs text)");
  EXPECT_THAT(try_open(schema.url()), is_error(ErrorCode::invalid_argument));
  schema.sql("DROP TABLE grants");
  open();
  store.reset();
  schema.sql("UPDATE keyfob_schema SET version = 999");
  const auto newer = try_open(schema.url());
  ASSERT_THAT(newer, is_error(ErrorCode::conflict));
  EXPECT_THAT(newer.error().hint, HasSubstr("newer keyfob"));
}

TEST_F(PostgresTest, refusals_are_no_outages_and_say_no_password) {
  EXPECT_THAT(try_open("postgresql://user:hush-hush@%zz/"), is_error(ErrorCode::invalid_argument));
  const auto unreadable = try_open("postgresql://user:hush-hush@host/?nonsense=1");
  ASSERT_THAT(unreadable, is_error(ErrorCode::invalid_argument));
  EXPECT_THAT(unreadable.error().what, testing::Not(HasSubstr("hush-hush")));
  const auto stranger = "postgresql:///postgres?user=stranger&host=" + shared_postgres().folder().string();
  EXPECT_THAT(try_open(stranger), is_error(ErrorCode::unauthenticated));
  const auto elsewhere = "postgresql:///nowhere?user=keyfob&host=" + shared_postgres().folder().string();
  EXPECT_THAT(try_open(elsewhere), is_error(ErrorCode::not_found));
  EXPECT_THAT(try_open("postgresql:///postgres?host=/nonexistent"), is_error(ErrorCode::unavailable));
}

TEST_F(PostgresTest, commits_that_would_not_be_durable_are_mended_or_refused) {
  const auto careless = schema.url() + "%20-csynchronous_commit%3Doff";
  EXPECT_THAT(try_open(careless), is_ok()) << "turned on for our sessions";
  options.own_backend = false;
  EXPECT_THAT(try_open(careless), is_error(ErrorCode::unsafe));
}

TEST_F(PostgresTest, the_change_feed_tells_what_another_node_did_and_not_what_we_did) {
  open();
  auto other = try_open(schema.url()).value();
  const auto start = run(store->changes_since("")).value();
  const auto own = account_grant("g1", "alice");
  ASSERT_THAT(put(own), is_ok());
  auto seen = run(store->changes_since(start.cursor)).value();
  EXPECT_THAT(seen.grants, testing::IsEmpty());

  ASSERT_THAT(run(other->commit(commit_request(own, "new"))), holds(Committed{}));
  seen = run(store->changes_since(seen.cursor)).value();
  ASSERT_EQ(seen.grants.size(), 1U);
  EXPECT_EQ(seen.grants[0].ref.grant, own.grant.id);
  EXPECT_EQ(seen.grants[0].user, own.grant.user);
  EXPECT_EQ(seen.grants[0].vehicles, own.grant.vehicles);
  EXPECT_FALSE(seen.everything);
  EXPECT_FALSE(seen.directory);
  EXPECT_THAT(run(store->changes_since(seen.cursor))->grants, testing::IsEmpty()) << "told once";

  ASSERT_THAT(run(other->remove({kApp, own.grant.id})), is_ok());
  const auto removed = run(store->changes_since(seen.cursor)).value();
  ASSERT_EQ(removed.grants.size(), 1U) << "also what is gone";
}

TEST_F(PostgresTest, a_change_that_becomes_visible_late_is_told) {
  open();
  const auto grant = account_grant("g1", "alice");
  ASSERT_THAT(put(grant), is_ok());
  const auto start = run(store->changes_since("")).value();
  std::thread slow([&] {
    schema.sql("BEGIN; UPDATE grants SET changed_xid = txid_current(), changed_by = 1; SELECT pg_sleep(0.6); COMMIT");
  });
  std::string cursor = start.cursor;
  std::size_t told = 0;
  for (int i = 0; i < 20; ++i) {
    const auto seen = run(store->changes_since(cursor)).value();
    told += seen.grants.size();
    cursor = seen.cursor;
    std::this_thread::sleep_for(Milliseconds(50));
  }
  slow.join();
  told += run(store->changes_since(cursor))->grants.size();
  EXPECT_EQ(told, 1U) << "once, although younger transactions had ended before";
}

TEST_F(PostgresTest, notices_come_at_once_and_only_for_what_others_did) {
  open();
  auto other = try_open(schema.url()).value();
  std::atomic<int> heard = 0;
  store->on_change([&] { ++heard; });
  const auto listening = [&] {
    return schema.sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN keyfob%'") == "2";
  };
  for (int i = 0; i < 500 && !listening(); ++i) std::this_thread::sleep_for(Milliseconds(5));
  ASSERT_THAT(put(account_grant("g1", "alice")), is_ok());
  std::this_thread::sleep_for(Milliseconds(50));
  EXPECT_EQ(heard, 0);
  std::vector<PutRequest> requests;
  requests.push_back({account_grant("g2", "bob"), std::nullopt});
  ASSERT_THAT(run(other->put(std::move(requests))), is_ok());
  for (int i = 0; i < 500 && heard == 0; ++i) std::this_thread::sleep_for(Milliseconds(2));
  EXPECT_GE(heard, 1);
  store->on_change({});
}

TEST_F(PostgresTest, every_table_leads_with_the_application_but_the_audit_trail_and_the_outbox) {
  open();
  EXPECT_EQ(schema.sql("SELECT string_agg(c.table_name, ' ' ORDER BY c.table_name) FROM information_schema.columns c "
                       "WHERE c.table_schema = "
                       "current_schema() AND c.ordinal_position = 1 AND c.column_name <> 'app_id' AND c.table_name NOT "
                       "IN ('clock', 'keyfob_schema')"),
            "audit outbox");
  EXPECT_EQ(schema.sql("SELECT string_agg(column_name, ' ' ORDER BY ordinal_position) FROM information_schema.columns "
                       "WHERE table_schema = current_schema() AND table_name = 'grants' AND data_type = 'bytea'"),
            "access_sealed refresh_sealed association_mac");
}

}  // namespace
}  // namespace keyfob::contract
