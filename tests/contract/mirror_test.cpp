// A SqliteStore that is the working copy of somebody else's rows: nothing took effect that they do not have.
#include <sqlite3.h>

#include "rows_in_memory.hpp"
#include "sqlite_fixture.hpp"
#include "store/sqlite/mirroring.hpp"
#include "store/sqlite/row_text.hpp"
#include "store/sqlite/schema.hpp"

namespace keyfob::contract {
namespace {

using testing::HasSubstr;

class MirrorTest : public SqliteTest {
 protected:
  Result<std::unique_ptr<SqliteStore>> open_mirrored() {
    store.reset();
    SqliteOptions options;
    options.clock = &clock;
    options.boot_id = boot_id;
    options.mirror = &mirror;
    return SqliteStore::open(path, options);
  }
  void SetUp() override {
    store = open_mirrored().value();
    ASSERT_THAT(put(grant), is_ok());
  }
  /// What another machine makes of the rows alone.
  GrantRecord elsewhere() {
    path = folder.file("elsewhere.db");
    store = open_mirrored().value();
    return load(grant).value();
  }
  Result<CommitOutcome> rotate(const char* bytes) { return run(store->commit(commit_request(grant, bytes))); }

  RowsInMemory mirror;
  const GrantRecord grant = account_grant("g1", "alice");
};

TEST_F(MirrorTest, a_new_machine_with_nothing_but_the_rows_has_what_was_acknowledged) {
  ASSERT_THAT(rotate("new"), holds(Committed{}));
  const GrantRecord there = elsewhere();
  EXPECT_EQ(there.sealed, pair_for(grant, "new").sealed);
  EXPECT_EQ(there.grant.version.generation, Generation(2));
}

TEST_F(MirrorTest, opening_again_writes_nothing) {
  const auto number = mirror.rows.number;
  store = open_mirrored().value();
  EXPECT_EQ(mirror.rows.number, number);
}

TEST_F(MirrorTest, what_the_rows_refuse_did_not_happen_and_can_be_done_again) {
  mirror.failure = Error{ErrorCode::unavailable, "the network is down", {}, {}};
  const auto refused = rotate("new");
  ASSERT_THAT(refused, is_error(ErrorCode::unavailable));
  EXPECT_THAT(refused.error().what, HasSubstr("the network is down"));
  EXPECT_EQ(load(grant).value().sealed, grant.sealed) << "nor in the working copy";
  mirror.failure.reset();
  ASSERT_THAT(rotate("new"), holds(Committed{}));
  EXPECT_EQ(elsewhere().sealed, pair_for(grant, "new").sealed);
}

TEST_F(MirrorTest, not_knowing_ends_all_writing_until_it_is_opened_anew) {
  mirror.failure = Error{ErrorCode::timeout, "no answer", {}, {}};
  ASSERT_THAT(rotate("new"), is_error(ErrorCode::timeout));
  mirror.failure.reset();
  const int asked = mirror.asked;
  ASSERT_THAT(rotate("newer"), is_error(ErrorCode::unavailable));
  EXPECT_EQ(mirror.asked, asked) << "a batch with a number that may be taken";
  EXPECT_THAT(load(grant), is_ok()) << "what is known can be read";
  store = open_mirrored().value();
  ASSERT_THAT(rotate("newer"), holds(Committed{}));
}

TEST_F(MirrorTest, a_second_writer_is_fenced_off) {
  mirror.rows.number += 1;  // somebody else's batch
  ASSERT_THAT(rotate("new"), is_error(ErrorCode::conflict));
  mirror.rows.number -= 1;
  ASSERT_THAT(rotate("new"), is_error(ErrorCode::unavailable)) << "however well it would fit now";
}

TEST_F(MirrorTest, rows_of_every_older_schema_are_migrated_and_the_change_is_passed_on) {
  for (const auto& migration : sqlite::migrations()) {
    const std::string old = folder.file("old-" + std::to_string(migration.number) + ".db");
    write_file(old, "");
    auto connection = sqlite::Connection::open(old, {}).value();
    ASSERT_THAT(sqlite::migrate(*connection, sqlite::EmptyFile::make_store, migration.number), is_ok());
    connection->execute("INSERT INTO consents VALUES ('app-1', x'00ff', 'ann', '', '', 0, x'01', 99)");
    ASSERT_FALSE(connection->failed());
    mirror.rows = {1, sqlite::rows_of(*connection).value()};
    ASSERT_THAT(open_mirrored(), is_ok()) << migration.number;
    auto now = sqlite::Connection::open(path, {}).value();
    EXPECT_EQ(sqlite::rows_of(*now).value(), mirror.rows.rows) << migration.number;
    EXPECT_EQ(sql(path, "SELECT max(version) FROM schema_migrations"),
              std::to_string(sqlite::migrations().back().number));
    EXPECT_EQ(sql(path, "SELECT user_id FROM consents"), "ann");
  }
}

TEST_F(MirrorTest, rows_of_a_newer_program_are_left_alone) {
  const auto number = mirror.rows.number;
  mirror.rows.rows["schema_migrations/1000"] = sqlite::row_value({"version"}, {{'i', "1000"}});
  EXPECT_THAT(open_mirrored(), is_error(ErrorCode::conflict));
  EXPECT_EQ(mirror.rows.number, number);
}

TEST_F(MirrorTest, rows_that_do_not_read_are_damage_and_nothing_is_written) {
  const MirroredRows sound = mirror.rows;
  for (const char* value : {"", "x", "t4:user", "t4:userz1:a", "t99:user", "t4:useri1:x", "t4:nonet1:a"}) {
    mirror.rows = sound;
    mirror.rows.rows["grants/77"] = value;
    EXPECT_THAT(open_mirrored(), is_error(ErrorCode::damaged)) << value;
    EXPECT_EQ(mirror.rows.number, sound.number);
  }
  mirror.rows = sound;
  mirror.rows.rows["no_table/1"] = sqlite::row_value({"a"}, {{'i', "1"}});
  EXPECT_THAT(open_mirrored(), is_error(ErrorCode::damaged));
}

}  // namespace
}  // namespace keyfob::contract
