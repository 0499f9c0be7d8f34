// SqliteStore under full disks, locks, rotten pages and many callers at once.
#include <sys/resource.h>

#include <csignal>
#include <future>
#include <thread>

#include "sqlite_fixture.hpp"
#include "store/sqlite/damage.hpp"

namespace keyfob::contract {
namespace {

/// While it lives, no file may grow beyond `bytes`: what a full disk does, without needing one.
class FullDisk {
 public:
  explicit FullDisk(std::uintmax_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &old_), 0);
    const rlimit limit{static_cast<rlim_t>(bytes), old_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  }
  ~FullDisk() { ::setrlimit(RLIMIT_FSIZE, &old_); }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  rlimit old_{};
};

TEST_F(SqliteTest, a_full_disk_is_an_outage_and_leaves_everything_as_it_was) {
  open_new();
  const auto grant = account_grant("g1", "alice");
  ASSERT_THAT(put(grant), is_ok());
  {
    const FullDisk full(std::filesystem::file_size(path + "-wal"));
    EXPECT_THAT(begin(grant, kNodeA, "attempt-1"), is_error(ErrorCode::unavailable));
    EXPECT_THAT(run(store->commit(commit_request(grant, "new"))), is_error(ErrorCode::unavailable));
    EXPECT_THAT(put(account_grant("g2", "bob")), is_error(ErrorCode::unavailable));
    EXPECT_THAT(load(grant), is_ok()) << "reading goes on";
  }
  const auto kept = load(grant).value();
  EXPECT_EQ(kept.sealed, grant.sealed);
  EXPECT_EQ(kept.grant.version, grant.grant.version);
  EXPECT_FALSE(kept.grant.attempt);
  EXPECT_THAT(load(account_grant("g2", "bob")), is_error(ErrorCode::not_found));
  EXPECT_THAT(run(store->commit(commit_request(grant, "new"))), holds(Committed{})) << "space again: it goes on";
  reopen();
  EXPECT_EQ(load(grant)->sealed, pair_for(grant, "new").sealed);
  EXPECT_THAT(run(store->check()).value(), testing::IsEmpty());
}

TEST_F(SqliteTest, a_batch_that_meets_a_full_disk_is_not_half_imported) {
  open_new();
  ASSERT_THAT(put(account_grant("g0", "zero")), is_ok());
  std::vector<PutRequest> requests;
  for (int i = 1; i <= 200; ++i) {
    const auto number = std::to_string(i);
    requests.push_back({account_grant("g" + number, "user-" + number), std::nullopt});
  }
  {
    const FullDisk full(std::filesystem::file_size(path + "-wal") + 40'000);
    auto copy = requests;
    EXPECT_THAT(run(store->put(std::move(copy))), is_error(ErrorCode::unavailable));
  }
  EXPECT_EQ(run(store->list({}))->grants.size(), 1U);
  const auto answers = run(store->put(std::move(requests)));
  ASSERT_THAT(answers, is_ok());
  for (const auto& answer : *answers) EXPECT_THAT(answer, is_ok());
}

TEST_F(SqliteTest, a_long_log_is_copied_beside_the_writer_and_never_grows_for_ever) {
  long_log = 50;
  open_new();
  int grants = 0;
  const auto put_one = [&] {
    const auto number = std::to_string(grants++);
    return put(account_grant("g" + number, "user-" + number));
  };
  const std::string log = path + "-wal";
  const auto before = std::filesystem::file_size(path);
  while (std::filesystem::file_size(log) < 60 * 4096) ASSERT_THAT(put_one(), is_ok());
  for (int i = 0; i < 500 && std::filesystem::file_size(path) <= before; ++i) {
    std::this_thread::sleep_for(Milliseconds(20));
  }
  EXPECT_GT(std::filesystem::file_size(path), before) << "nobody writes, and it is copied";
  for (int i = 0; i < 600; ++i) ASSERT_THAT(put_one(), is_ok());
  EXPECT_LT(std::filesystem::file_size(log), 400 * 4096) << "some 2 000 pages were written";
  reopen();
  EXPECT_THAT(run(store->check()).value(), testing::IsEmpty());
  EXPECT_THAT(load(account_grant("g" + std::to_string(grants - 1), "user")), is_ok());
}

TEST_F(SqliteTest, a_lock_held_by_another_process_is_an_outage_for_writes_only) {
  open_new();
  const auto grant = account_grant("g1", "alice");
  ASSERT_THAT(put(grant), is_ok());
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  EXPECT_THAT(begin(grant, kNodeA, "attempt-1"), is_error(ErrorCode::unavailable));
  EXPECT_THAT(load(grant), is_ok());
  EXPECT_THAT(run(store->changes_since("")), is_ok());
  sqlite3_close(other);
  EXPECT_THAT(begin(grant, kNodeA, "attempt-1"), holds(Begun{}));
}

/// A store of 200 grants with one rotten page of `grants` in it.
class RottenPage : public SqliteTest {
 protected:
  RottenPage() {
    open_new();
    std::vector<PutRequest> requests;
    for (int i = 0; i < 200; ++i) requests.push_back({grant(i), std::nullopt});
    EXPECT_THAT(run(store->put(std::move(requests))), is_ok());
    store.reset();
    const auto page =
        std::stoul(sql(path, "SELECT max(pageno) FROM dbstat WHERE name = 'grants' AND pagetype = 'leaf'"));
    auto bytes = content(path);
    bytes.replace((page - 1) * 4096, 4096, std::string(4096, '\xa5'));
    write_file(path, bytes);
    reopen();
  }
  static GrantRecord grant(int number) {
    const auto text = std::to_string(number);
    return account_grant("g" + text, "user-" + text);
  }
};

TEST_F(RottenPage, is_damage_for_its_own_grants_and_for_no_other) {
  int damaged = 0;
  for (int i = 0; i < 200; ++i) {
    const auto loaded = load(grant(i));
    if (loaded) {
      EXPECT_EQ(loaded->sealed, grant(i).sealed);
    } else {
      EXPECT_EQ(loaded.error().code, ErrorCode::damaged);
      ++damaged;
    }
  }
  EXPECT_GT(damaged, 0);
  EXPECT_LT(damaged, 20);
  EXPECT_THAT(run(store->check()).value(), testing::Not(testing::IsEmpty()));
}

TEST_F(RottenPage, is_found_by_a_search_beside_the_store) {
  std::promise<std::vector<std::string>> found;
  auto report = [&found](std::vector<std::string> lines) { found.set_value(std::move(lines)); };
  const sqlite::DamageSearch search(path, std::move(report));
  EXPECT_THAT(found.get_future().get(), testing::Not(testing::IsEmpty()));
}

TEST_F(RottenPage, a_write_that_fails_harms_none_of_those_committed_with_it) {
  std::vector<Task<Result<BeginOutcome>>> tasks;
  for (int i = 0; i < 200; ++i) tasks.push_back(store->begin(begin_request(grant(i), kNodeA, "attempt")));
  const auto answers = run_all(std::move(tasks));
  int damaged = 0;
  for (int i = 0; i < 200; ++i) {
    const auto& answer = answers[static_cast<std::size_t>(i)];
    if (!answer) {
      EXPECT_EQ(answer.error().code, ErrorCode::damaged) << answer.error().what;
      ++damaged;
    } else {
      EXPECT_TRUE(std::holds_alternative<Begun>(*answer));
      EXPECT_TRUE(load(grant(i))->grant.attempt) << "acknowledged, so it is there";
    }
  }
  EXPECT_GT(damaged, 0);
  EXPECT_LT(damaged, 20);
}

Task<Result<int>> refresh_many_times(SqliteStore& store, GrantRecord grant, int times) {
  const GrantRef ref{grant.grant.app, grant.grant.id};
  int committed = 0;
  while (committed < times) {
    auto record = co_await store.load(ref);
    if (!record) co_return fail(record.error());
    auto request = begin_request(*record, kNodeA, "attempt");
    auto begun = co_await store.begin(std::move(request));
    if (!begun) co_return fail(begun.error());
    auto commit = commit_request(*record, "new");
    auto outcome = co_await store.commit(std::move(commit));
    if (!outcome) co_return fail(outcome.error());
    committed += std::holds_alternative<Committed>(*outcome) ? 1 : 0;
  }
  co_return committed;
}

TEST_F(SqliteTest, sixty_four_refreshes_at_once_each_take_their_own_step) {
  open_new();
  std::vector<Task<Result<int>>> tasks;
  for (int i = 0; i < 64; ++i) {
    const auto grant = account_grant("g" + std::to_string(i), "user-" + std::to_string(i));
    ASSERT_THAT(put(grant), is_ok());
    tasks.push_back(refresh_many_times(*store, grant, 10));
  }
  for (const auto& done : run_all(std::move(tasks))) EXPECT_THAT(done, is_ok());
  const auto page = run(store->list({})).value();
  ASSERT_EQ(page.grants.size(), 64U);
  for (const auto& record : page.grants) EXPECT_EQ(record.grant.version.generation, Generation(11));
  EXPECT_EQ(run(store->health({kApp, GrantId("none")}, at(0)))->refreshed, 640U);
}

TEST_F(SqliteTest, sixty_four_commits_of_one_generation_have_one_winner) {
  open_new();
  const auto grant = account_grant("g1", "alice");
  ASSERT_THAT(put(grant), is_ok());
  std::vector<Task<Result<CommitOutcome>>> tasks;
  for (int i = 0; i < 64; ++i) tasks.push_back(store->commit(commit_request(grant, std::to_string(i).c_str())));
  int winners = 0;
  Bytes stored;
  for (const auto& outcome : run_all(std::move(tasks))) {
    ASSERT_THAT(outcome, is_ok());
    if (const auto* won = std::get_if<Committed>(&*outcome)) {
      ++winners;
      stored = won->record.sealed.refresh;
    }
  }
  EXPECT_EQ(winners, 1);
  EXPECT_EQ(load(grant)->sealed.refresh, stored);
}

TEST_F(SqliteTest, destruction_finishes_what_was_started) {
  open_new();
  const auto grant = account_grant("g1", "alice");
  asio::io_context context;
  std::vector<PutRequest> requests;
  requests.push_back({grant, std::nullopt});
  bool answered = false;
  auto deliver = [&](std::exception_ptr, Result<std::vector<Result<void>>> answer) { answered = answer.has_value(); };
  asio::co_spawn(context, store->put(std::move(requests)), std::move(deliver));
  context.poll_one();
  store.reset();
  context.run();
  EXPECT_TRUE(answered);
  store = try_open(path).value();
  EXPECT_THAT(load(grant), is_ok());
}

}  // namespace
}  // namespace keyfob::contract
