// What a killed process leaves in its counts file, and what the next one makes of it.
#include "audit/counts_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <fstream>
#include <thread>

#include "audit/trail.hpp"
#include "store/memory/memory_store.hpp"
#include "testing/fake_clock.hpp"

namespace keyfob::audit {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class CountsFileTest : public ::testing::Test {
 protected:
  CountsFileTest() {
    std::string name = "/tmp/keyfob-counts-XXXXXX";
    dir = ::mkdtemp(name.data());
    path = dir / "audit-counts";
  }
  ~CountsFileTest() override { std::filesystem::remove_all(dir); }

  std::unique_ptr<CountsFile> open() {
    auto file = CountsFile::open(path);
    EXPECT_TRUE(file) << (file ? "" : file.error().what);
    return file ? std::move(*file) : nullptr;
  }
  void start() {
    TrailOptions options;
    options.counts = open();
    auto key = derive_chain_key(DataKeyId(1), crypto::MacKey::from_bytes(Bytes(32, 7)).value()).value();
    trail =
        std::make_unique<Trail>(io.get_executor(), store, clock, std::move(key), NodeId("node-a"), std::move(options));
    ASSERT_TRUE(await(trail->start(std::nullopt)));
  }
  /// No goodbye: what is in the file is all there is.
  void kill() {
    trail.reset();
    pass(seconds(5));
  }
  template <class T>
  T await(Task<T> task) {
    std::optional<T> answer;
    asio::co_spawn(io, std::move(task), [&](const std::exception_ptr&, T got) { answer.emplace(std::move(got)); });
    for (int i = 0; i < 10'000 && !answer; ++i) pass(Milliseconds(10));
    return std::move(answer.value());
  }
  void pass(Milliseconds d) {
    clock.advance(d);
    io.restart();
    io.poll();
  }
  std::vector<AuditRecord> records() { return await(store.chain(NodeId("node-a"), 0, 1'000'000)).value(); }
  std::uint64_t total(const char* action) {
    std::uint64_t sum = 0;
    for (const AuditRecord& record : records()) {
      if (record.entry.action == action) sum += record.entry.count;
    }
    return sum;
  }
  void use(int times, int grants = 1) {
    for (int i = 0; i < times; ++i) {
      const std::string grant = "g" + std::to_string(i % grants);
      trail->count_use({"backend", "app-1", grant});
    }
  }

  std::filesystem::path dir, path;
  testing::FakeClock clock;
  MemoryStore store{clock};
  asio::io_context io;
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  std::unique_ptr<Trail> trail;
};

TEST_F(CountsFileTest, what_a_killed_process_counted_is_written_by_the_next_one) {
  start();
  use(7);
  trail->count_refusal({"backend", "forbidden"});
  kill();
  EXPECT_EQ(total("token.used"), 0U);
  start();
  AuditEntry next;
  next.action = "caller.added";
  trail->record(next);
  ASSERT_TRUE(await(trail->write_counts()));
  EXPECT_EQ(total("token.used"), 7U);
  EXPECT_EQ(total("request.refused"), 1U);
  EXPECT_EQ(total("caller.added"), 1U);
  ASSERT_TRUE(await(trail->stop(seconds(5))));
  start();
  ASSERT_TRUE(await(trail->stop(seconds(5))));
  EXPECT_EQ(total("token.used"), 7U) << "and once only";
}

TEST_F(CountsFileTest, more_than_fits_is_not_lost_either) {
  start();
  use(200'000, 100'000);
  kill();
  start();
  ASSERT_TRUE(await(trail->stop(seconds(5))));
  EXPECT_EQ(total("token.used"), 200'000U);
}

TEST_F(CountsFileTest, as_many_grants_as_are_used_in_a_minute_are_a_record_each) {
  start();
  use(120'000, 40'000);
  pass(seconds(61));
  ASSERT_TRUE(await(trail->stop(seconds(5))));
  EXPECT_EQ(total("token.used"), 120'000U);
  EXPECT_THAT(records(), SizeIs(40'000));
}

TEST_F(CountsFileTest, who_is_given_a_token_does_not_wait_for_the_counts_of_a_busy_minute) {
  start();
  use(60'000, 60'000);
  clock.advance(seconds(61));
  AuditEntry entry;
  entry.actor = "backend";
  entry.action = "token.disclosed";
  bool durable = false;
  asio::co_spawn(io, trail->record_disclosure(std::move(entry)),
                 [&](const std::exception_ptr&, const Result<void>& written) { durable = written.has_value(); });
  io.restart();
  while (!durable) io.run_one();
  EXPECT_LT(records().size(), 10'000U);
  ASSERT_TRUE(await(trail->stop(seconds(5))));
  EXPECT_EQ(total("token.used"), 60'000U);
}

TEST_F(CountsFileTest, more_counts_than_entries_may_wait_are_all_written_when_somebody_reads) {
  start();
  use(230'000, 230'000);
  ASSERT_TRUE(await(trail->write_counts()));
  EXPECT_EQ(total("token.used"), 230'000U);
  EXPECT_EQ(total("audit.lost"), 0U);
}

TEST_F(CountsFileTest, a_file_with_fewer_slots_is_taken_over) {
  std::array<TallySlot, 3> slots{};
  slots[1].take({TallyKind::used, "backend", "app-1", "g1"}, 60'000);
  slots[1].count = 3;
  slots[1].hash = TallySlot::hash_of(slots[1].key(), slots[1].minute);
  std::string text(4096, '\0');
  text.replace(0, 9, std::string("KFcount1") + '\2');
  text[12] = static_cast<char>(sizeof(TallySlot));
  text.append(reinterpret_cast<const char*>(slots.data()), sizeof slots);  // two slots, and a journal of one
  std::ofstream(path, std::ios::binary) << text;
  start();
  ASSERT_TRUE(await(trail->stop(seconds(5))));
  EXPECT_EQ(total("token.used"), 3U);
}

TEST_F(CountsFileTest, counts_of_a_minute_that_was_over_but_not_written_are_there) {
  start();
  use(5, 5);
  kill();
  // As if it had been killed between the end of the minute and the store's answer.
  {
    Tally tally(open());
    tally.set_minute(clock.wall() + minutes(2));
    tally.count({TallyKind::used, "backend", "app-1", "g9"});
    Tally::Sweep sweep;
    EXPECT_THAT(tally.take(true, sweep, 100), SizeIs(1));
  }
  start();
  ASSERT_TRUE(await(trail->stop(seconds(5))));
  EXPECT_EQ(total("token.used"), 6U);
}

TEST_F(CountsFileTest, killed_between_the_store_s_answer_and_its_note_nothing_is_counted_twice) {
  start();
  use(6, 3);
  kill();
  const std::filesystem::path before = dir / "before";
  std::filesystem::copy_file(path, before);
  start();
  ASSERT_TRUE(await(trail->write_counts()));
  trail.reset();
  ASSERT_EQ(total("token.used"), 6U);
  std::filesystem::rename(before, path);  // the note that they are written never got there
  start();
  use(2);
  kill();
  start();
  ASSERT_TRUE(await(trail->stop(seconds(5))));
  EXPECT_EQ(total("token.used"), 8U);
}

TEST_F(CountsFileTest, at_whatever_moment_it_is_killed_nothing_is_lost_or_counted_twice) {
  start();
  std::uint64_t used = 0;
  for (int kills = 0; kills < 40; ++kills) {
    use(10 + kills, 3 + kills % 5);
    used += static_cast<std::uint64_t>(10 + kills);
    pass(seconds(17));
    if (kills % 3 == 0) continue;
    kill();
    start();
  }
  ASSERT_TRUE(await(trail->stop(seconds(5))));
  EXPECT_EQ(total("token.used"), used);
}

TEST_F(CountsFileTest, it_is_for_its_owner_alone) {
  open();
  struct stat about{};
  ASSERT_EQ(::stat(path.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777U, 0600U);
}

TEST_F(CountsFileTest, a_file_that_is_none_is_set_aside_and_said_so) {
  std::ofstream(path) << "not such a file";
  const auto refused = CountsFile::open(path);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::damaged);
  EXPECT_TRUE(std::filesystem::exists(path.string() + ".damaged"));
  EXPECT_THAT(open()->left_over().counts, IsEmpty());
}

TEST_F(CountsFileTest, slots_that_make_no_sense_are_left_out_and_counted) {
  {
    const auto file = open();
    TallySlot& torn = file->slots()[0];
    torn.take({TallyKind::used, "backend", "app-1", "g1"}, 60'000);
    torn.count = 3;
    torn.hash = 12345;
    TallySlot& good = file->slots()[1];
    good.take({TallyKind::used, "backend", "app-1", "g2"}, 60'000);
    good.count = 4;
    good.hash = TallySlot::hash_of(good.key(), good.minute);
  }
  start();
  ASSERT_TRUE(await(trail->stop(seconds(5))));
  EXPECT_EQ(total("token.used"), 4U);
  EXPECT_EQ(total("audit.lost"), 1U);
  EXPECT_EQ(records().back().entry.outcome, "ok") << "counts come after entries";
}

TEST_F(CountsFileTest, a_count_in_a_slot_and_in_the_journal_is_one_count) {
  {
    const auto file = open();
    TallySlot& slot = file->slots()[7];
    slot.take({TallyKind::used, "backend", "app-1", "g1"}, 60'000);
    slot.count = 3;
    slot.serial = 99;
    slot.hash = TallySlot::hash_of(slot.key(), slot.minute);
    ASSERT_TRUE(file->append({&slot, 1}));
  }
  EXPECT_THAT(open()->left_over().counts, SizeIs(1));
}

TEST_F(CountsFileTest, counting_from_many_threads_adds_up_in_the_file) {
  {
    Tally tally(open());
    tally.set_minute(from_unix_ms(120'000));
    const auto count = [&tally] {
      for (int i = 0; i < 20'000; ++i) {
        const std::string grant = "g" + std::to_string(i % 9'000);
        tally.count({TallyKind::used, "a", "b", grant});
      }
    };
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back(count);
  }
  std::uint64_t sum = 0;
  const auto again = open();
  for (const TallySlot& slot : again->left_over().counts) sum += slot.count;
  EXPECT_EQ(sum, 80'000U);
}

}  // namespace
}  // namespace keyfob::audit
