// What SqliteStore promises beyond the contract: files, durability, clocks, other processes.
#include <sys/stat.h>

#include "sqlite_fixture.hpp"
#include "store/sqlite/connection.hpp"
#include "store/sqlite/grant_keys.hpp"
#include "store/sqlite/schema.hpp"

namespace keyfob::contract {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

unsigned mode_of(const std::string& file) {
  struct stat found{};
  EXPECT_EQ(::stat(file.c_str(), &found), 0) << file;
  return found.st_mode & 0777;
}

TEST_F(SqliteTest, reopening_keeps_everything_that_was_acknowledged) {
  open_new();
  const auto grant = account_grant("g1", "alice");
  ASSERT_THAT(put(grant), is_ok());
  ASSERT_THAT(run(store->commit(commit_request(grant, "new"))), holds(Committed{}));
  const auto rotated = load(grant).value();
  ASSERT_THAT(begin(rotated, kNodeA, "attempt-1"), holds(Begun{}));
  reopen();
  const auto kept = load(grant).value();
  EXPECT_EQ(kept.sealed, pair_for(grant, "new").sealed);
  EXPECT_EQ(kept.grant.version.generation, Generation(2));
  ASSERT_TRUE(kept.grant.attempt);
  EXPECT_EQ(kept.grant.attempt->lease_left, kLease) << "a restart of the process ends no lease";
}

TEST_F(SqliteTest, what_was_acknowledged_survives_a_kill) {
  open_new();
  const auto grant = account_grant("g1", "alice");
  ASSERT_THAT(put(grant), is_ok());
  ASSERT_THAT(run(store->commit(commit_request(grant, "new"))), holds(Committed{}));
  // What a killed process leaves: the files as they are, without the shared memory.
  const auto copy = folder.file("killed.db");
  fs::copy_file(path, copy);
  fs::copy_file(path + "-wal", copy + "-wal");
  auto survivor = try_open(copy);
  ASSERT_THAT(survivor, is_ok());
  const auto kept = run((*survivor)->load({kApp, grant.grant.id}));
  ASSERT_THAT(kept, is_ok());
  EXPECT_EQ(kept->sealed, pair_for(grant, "new").sealed);
}

TEST_F(SqliteTest, a_log_cut_anywhere_yields_the_old_pair_or_the_new_one_never_half) {
  open_new();
  const auto grant = account_grant("g1", "alice");
  ASSERT_THAT(put(grant), is_ok());
  ASSERT_THAT(run(store->commit(commit_request(grant, "new"))), holds(Committed{}));
  const auto log = content(path + "-wal");
  const auto copy = folder.file("torn.db");
  int old_pairs = 0;
  for (std::size_t size = log.size(); size + 40'000 > log.size() && size > 500; size -= 500) {
    write_file(copy, content(path));
    write_file(copy + "-wal", log.substr(0, size));
    auto survivor = try_open(copy);
    if (!survivor) continue;  // cut before the tables were made
    const auto kept = run((*survivor)->load({kApp, grant.grant.id}));
    if (!kept) continue;  // cut before the grant was there
    const bool is_new = kept->sealed == pair_for(grant, "new").sealed;
    EXPECT_TRUE(is_new || kept->sealed == grant.sealed) << size;
    EXPECT_EQ(kept->grant.version.generation, Generation(is_new ? 2 : 1)) << size;
    old_pairs += is_new ? 0 : 1;
    survivor->reset();
    fs::remove(copy + "-wal");
  }
  EXPECT_GT(old_pairs, 0) << "the cuts did reach the commit";
}

TEST_F(SqliteTest, every_file_is_private) {
  open_new();
  ASSERT_THAT(put(account_grant("g1", "alice")), is_ok());
  for (const char* suffix : {"", "-wal", "-shm"}) EXPECT_EQ(mode_of(path + suffix), 0600U) << suffix;
}

TEST_F(SqliteTest, a_file_that_others_can_open_is_refused_with_the_command_that_mends_it) {
  open_new();
  store.reset();
  ASSERT_EQ(::chmod(path.c_str(), 0644), 0);
  const auto opened = try_open(path);
  ASSERT_THAT(opened, is_error(ErrorCode::unsafe));
  EXPECT_EQ(opened.error().hint, "chmod 600 " + path);
}

TEST_F(SqliteTest, a_missing_file_is_not_made_unless_asked) {
  EXPECT_THAT(try_open(path), is_error(ErrorCode::not_found));
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(SqliteTest, a_damaged_file_is_reported_and_left_alone) {
  for (const std::string& bytes :
       {std::string(), std::string("not a database at all, but long enough to be one"), std::string(8192, '\x5a')}) {
    write_file(path, bytes);
    EXPECT_THAT(try_open(path), is_error(ErrorCode::damaged)) << bytes.size();
    EXPECT_EQ(content(path), bytes);
  }
}

TEST_F(SqliteTest, a_log_without_its_database_is_not_buried_under_a_new_store) {
  open_new();
  ASSERT_THAT(put(account_grant("g1", "alice")), is_ok());
  write_file(folder.file("other.db-wal"), content(path + "-wal"));
  EXPECT_THAT(try_open(folder.file("other.db"), true), is_error(ErrorCode::damaged));
  EXPECT_FALSE(fs::exists(folder.file("other.db")));
}

TEST_F(SqliteTest, a_newer_store_is_refused) {
  open_new();
  store.reset();
  sql(path, "INSERT INTO schema_migrations (version) VALUES (999)");
  const auto opened = try_open(path);
  ASSERT_THAT(opened, is_error(ErrorCode::conflict));
  EXPECT_THAT(opened.error().what, HasSubstr("schema 999"));
  EXPECT_THAT(opened.error().hint, HasSubstr("newer keyfob"));
}

TEST_F(SqliteTest, somebody_elses_database_is_refused_and_not_changed) {
  sql(path, "CREATE TABLE theirs (x)");
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
  const auto before = content(path);
  EXPECT_THAT(try_open(path, true), is_error(ErrorCode::invalid_argument));
  EXPECT_EQ(content(path), before);
}

TEST_F(SqliteTest, a_restarted_machine_ends_every_lease_and_time_since_the_first_use_is_not_underestimated) {
  open_new();
  const auto grant = account_grant("g1", "alice");
  ASSERT_THAT(put(grant), is_ok());
  ASSERT_THAT(begin(grant, kNodeB, "attempt-1"), holds(Begun{}));
  boot_id = "boot-2";
  clock.step_wall(seconds(40));
  reopen();
  const auto attempt = load(grant)->grant.attempt;
  ASSERT_TRUE(attempt);
  EXPECT_LE(attempt->lease_left, Milliseconds(0));
  EXPECT_GE(attempt->since_first_sent, seconds(40));
  EXPECT_EQ(run(store->abandoned(kNodeA, 10))->size(), 1U);
  const auto taken_over = begin(grant, kNodeA, "attempt-2");
  ASSERT_THAT(taken_over, holds(Begun{}));
  EXPECT_GE(std::get<Begun>(*taken_over).record.grant.attempt->since_first_sent, seconds(40));
  EXPECT_GE(load(grant)->grant.attempt->since_first_sent, seconds(40)) << "the first use survives the takeover";
}

TEST_F(SqliteTest, a_wall_clock_set_back_over_a_restart_does_not_make_the_first_use_younger_than_the_boot) {
  open_new();
  const auto grant = account_grant("g1", "alice");
  ASSERT_THAT(put(grant), is_ok());
  ASSERT_THAT(begin(grant, kNodeB, "attempt-1"), holds(Begun{}));
  boot_id = "boot-2";
  clock.step_wall(-hours(1));
  reopen();
  EXPECT_GE(load(grant)->grant.attempt->since_first_sent, clock.boot().time_since_epoch());
}

TEST_F(SqliteTest, a_stepped_wall_clock_neither_ends_nor_prolongs_a_lease) {
  open_new();
  const auto grant = account_grant("g1", "alice");
  ASSERT_THAT(put(grant), is_ok());
  ASSERT_THAT(begin(grant, kNodeB, "attempt-1"), holds(Begun{}));
  clock.step_wall(hours(10));
  EXPECT_THAT(begin(grant, kNodeA, "attempt-2"), holds(Busy{}));
  clock.step_wall(-hours(20));
  clock.advance(kLease);
  EXPECT_THAT(begin(grant, kNodeA, "attempt-2"), holds(Begun{}));
}

TEST_F(SqliteTest, the_change_feed_tells_what_another_process_did_and_not_what_we_did) {
  open_new();
  auto other = try_open(path).value();
  const auto start = run(store->changes_since("")).value();
  ASSERT_THAT(put(account_grant("g1", "alice")), is_ok());
  EXPECT_FALSE(run(store->changes_since(start.cursor))->everything);

  const auto foreign = account_grant("g2", "bob");
  std::vector<PutRequest> requests;
  requests.push_back({foreign, std::nullopt});
  ASSERT_THAT(run(other->put(std::move(requests))), is_ok());
  const auto changed = run(store->changes_since(start.cursor)).value();
  EXPECT_TRUE(changed.everything);
  EXPECT_TRUE(changed.directory);
  EXPECT_TRUE(run(store->changes_since(start.cursor))->everything) << "a cursor stays good for every holder";
  EXPECT_FALSE(run(store->changes_since(changed.cursor))->everything);
  EXPECT_THAT(load(foreign), is_ok());
}

TEST_F(SqliteTest, two_processes_respect_each_others_leases) {
  open_new();
  auto other = try_open(path).value();
  const auto grant = account_grant("g1", "alice");
  ASSERT_THAT(put(grant), is_ok());
  ASSERT_THAT(begin(grant, kNodeA, "attempt-1"), holds(Begun{}));
  EXPECT_THAT(run(other->begin(begin_request(grant, kNodeB, "attempt-2"))), holds(Busy{}));
}

TEST_F(SqliteTest, a_vehicle_pointed_at_another_grant_shows_in_what_the_mac_covers) {
  open_new();
  ASSERT_THAT(put(account_grant("g1", "alice")), is_ok());
  ASSERT_THAT(put(account_grant("g2", "bob")), is_ok());
  sql(path, "UPDATE grant_keys SET number = (SELECT number FROM grants WHERE grant_id = 'g2') WHERE key = " +
                std::to_string(static_cast<std::int64_t>(sqlite::key_of(kApp, VehicleId("g1-v1")))));
  GrantSelector selector;
  selector.vehicle = VehicleId("g1-v1");
  const auto found = run(store->find(kApp, selector)).value();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].grant.id, GrantId("g2"));
  EXPECT_THAT(found[0].grant.vehicles, testing::Contains(VehicleId("g1-v1"))) << "so bob's MAC cannot verify";
}

TEST_F(SqliteTest, a_grant_given_to_another_user_is_found_by_the_one_its_mac_is_for) {
  open_new();
  ASSERT_THAT(put(account_grant("g1", "alice")), is_ok());
  sql(path, "UPDATE grants SET user_id = 'mallory'");
  EXPECT_THAT(run(store->find(kApp, {UserId("mallory"), {}})).value(), testing::IsEmpty());
  const auto found = run(store->find(kApp, {UserId("alice"), {}})).value();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].grant.user, UserId("alice")) << "for whom its MAC was made; mallory's would not verify";
}

TEST_F(SqliteTest, texts_of_one_hash_are_told_apart) {
  const UserId user("8yn0iYCKYHlIj4-BwPqk");
  const UserId other_user("GReLUrM4wMqfg9yzV3KQ");
  const VehicleId vehicle("gMPflVXtwGDXbIhP73TX");
  const VehicleId other_vehicle("LtHf1prlU1bCeYZEdqWf");
  ASSERT_EQ(sqlite::key_of(kApp, user), sqlite::key_of(kApp, other_user));
  ASSERT_EQ(sqlite::key_of(kApp, vehicle), sqlite::key_of(kApp, other_vehicle));
  open_new();
  const auto grant = vehicle_grant("g1", user.str(), vehicle.str());
  ASSERT_THAT(put(grant), is_ok());
  EXPECT_THAT(run(store->find(kApp, {other_user, {}})).value(), testing::IsEmpty());
  EXPECT_THAT(run(store->find(kApp, {{}, other_vehicle})).value(), testing::IsEmpty());
  ASSERT_THAT(put(vehicle_grant("g2", other_user.str(), other_vehicle.str())), is_ok());
  ASSERT_THAT(run(store->remove({kApp, grant.grant.id})), is_ok());
  for (const GrantSelector& asked : {GrantSelector{other_user, {}}, {{}, other_vehicle}, {other_user, other_vehicle}}) {
    const auto found = run(store->find(kApp, asked)).value();
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].grant.id, GrantId("g2"));
  }
  GrantFilter filter;
  filter.app = kApp;
  for (const auto& [asked, expected] : {std::pair(vehicle, 0U), std::pair(other_vehicle, 1U)}) {
    filter.vehicle = asked;
    EXPECT_EQ(run(store->list(filter)).value().grants.size(), expected);
  }
}

TEST_F(SqliteTest, grants_of_an_older_schema_are_found_by_user_and_vehicle) {
  write_file(path, "");
  auto old = sqlite::Connection::open(path, {}).value();
  ASSERT_THAT(sqlite::migrate(*old, sqlite::EmptyFile::make_store, 7), is_ok());
  for (const char* grant : {"'g1', 'alice', '2:v12:v2', 5", "'g2', 'bob', '', 6"}) {
    old->execute((std::string("WITH g(id, user, vehicles, due) AS (VALUES (") + grant +
                  ")) INSERT INTO grants (app_id, grant_id, user_id, provider_user, single_vehicle, single_select, "
                  "vehicles, scope, status, generation, epoch, access_expires_at, refresh_expires_at, created_at, "
                  "updated_at, due_at, renew_by, refused_count, refused_certain, refused_after_unknown, access_sealed, "
                  "refresh_sealed, association_mac) SELECT 'app-1', id, user, 'owner', '', 0, vehicles, 'scope', "
                  "'active', 3, 1, 10, 20, 30, 40, due, due + 1, 0, 0, 0, x'01', x'02', x'03' FROM g")
                     .c_str());
  }
  old->execute("INSERT INTO grant_vehicles VALUES ('app-1', 'v1', 'g1'), ('app-1', 'v2', 'g1')");
  ASSERT_FALSE(old->failed());
  old.reset();
  store = try_open(path).value();
  for (const GrantSelector& asked :
       {GrantSelector{UserId("alice"), {}}, {{}, VehicleId("v1")}, {UserId("alice"), VehicleId("v2")}}) {
    const auto found = run(store->find(kApp, asked)).value();
    ASSERT_EQ(found.size(), 1U);
    const Grant& grant = found[0].grant;
    EXPECT_EQ(grant.id, GrantId("g1"));
    EXPECT_THAT(grant.vehicles, testing::ElementsAre(VehicleId("v1"), VehicleId("v2")));
    EXPECT_EQ(grant.version, (GrantVersion{Generation(3), Epoch(1)}));
    EXPECT_EQ(to_unix_ms(grant.due_at), 5);
    EXPECT_EQ(to_unix_ms(grant.renew_by), 6);
    EXPECT_EQ(found[0].association_mac, Bytes{3});
  }
  EXPECT_EQ(run(store->find(kApp, {UserId("bob"), {}})).value().size(), 1U);
  EXPECT_EQ(sql(path, "SELECT count(*) FROM grant_keys"), "4");
  EXPECT_THAT(run(store->check()).value(), testing::IsEmpty());
  const auto number_of_bob = [&] { return sql(path, "SELECT number FROM grants WHERE grant_id = 'g2'"); };
  const auto number = number_of_bob();
  ASSERT_THAT(run(store->remove({kApp, GrantId("g1")})), is_ok());
  store.reset();
  sql(path, "VACUUM");
  EXPECT_EQ(number_of_bob(), number);
  store = try_open(path).value();
  EXPECT_EQ(run(store->find(kApp, {UserId("bob"), {}})).value().size(), 1U);
}

TEST_F(SqliteTest, forgotten_tokens_leave_no_bytes_in_the_file) {
  open_new();
  auto grant = account_grant("g1", "alice");
  grant.sealed.refresh = to_bytes("sealed-refresh-to-be-forgotten");
  ASSERT_THAT(put(grant), is_ok());
  auto late = pair_for(grant, "late");
  late.sealed.refresh = to_bytes("sealed-late-to-be-forgotten");
  ASSERT_THAT(run(store->keep_late(late)), is_ok());
  reopen();
  ASSERT_THAT(content(path), HasSubstr("sealed-refresh-to-be-forgotten"));
  GrantChange forget;
  forget.forget_tokens = true;
  ASSERT_THAT(run(store->update({kApp, grant.grant.id}, grant.grant.version, forget, at(5))), holds(Updated{}));
  store.reset();
  EXPECT_THAT(content(path), Not(HasSubstr("to-be-forgotten")));
}

TEST_F(SqliteTest, grants_is_a_rowid_table_whose_only_blobs_are_tokens_and_mac) {
  open_new();
  EXPECT_EQ(sql(path, "SELECT group_concat(name, ' ') FROM pragma_table_info('grants') WHERE type = 'BLOB'"),
            "access_sealed refresh_sealed association_mac");
  EXPECT_EQ(sql(path, "SELECT count(*) FROM pragma_table_info('grants') WHERE type NOT IN ('BLOB','TEXT','INTEGER')"),
            "0");
  EXPECT_EQ(sql(path, "SELECT wr FROM pragma_table_list WHERE name = 'grants'"), "0");
  ASSERT_THAT(put(account_grant("g1", "alice")), is_ok());
  EXPECT_EQ(sql(path, "SELECT typeof(access_sealed) || typeof(refresh_sealed) || typeof(association_mac) FROM grants"),
            "blobblobblob");
}

TEST_F(SqliteTest, every_table_of_an_application_leads_with_it) {
  open_new();
  // The audit trail is the installation's: its chains lead with their node. What leaves, leaves in one order. The keys
  // of grants are hashes that have the application in them.
  EXPECT_EQ(sql(path,
                "SELECT group_concat(m.name) FROM sqlite_master m JOIN pragma_table_info(m.name) c ON c.cid = 0 "
                "WHERE m.type = 'table' AND m.name NOT IN ('schema_migrations', 'sqlite_sequence', 'audit', 'outbox', "
                "'grant_keys') "
                "AND c.name <> 'app_id'"),
            "");
}

}  // namespace
}  // namespace keyfob::contract
