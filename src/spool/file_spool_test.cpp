#include "spool/file_spool.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>

#include "core/limits.hpp"
#include "spool/record.hpp"

namespace keyfob {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

// Answers of several keeps at once, in order.
std::vector<Result<void>> run_all(std::vector<Task<Result<void>>> tasks) {
  asio::io_context context;
  std::vector<Result<void>> answers(tasks.size(), fail(ErrorCode::internal, "never answered"));
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    auto deliver = [&answers, i](std::exception_ptr, Result<void> answer) { answers[i] = std::move(answer); };
    asio::co_spawn(context, std::move(tasks[i]), std::move(deliver));
  }
  context.run();
  return answers;
}

Result<void> run(Task<Result<void>> task) {
  std::vector<Task<Result<void>>> tasks;
  tasks.push_back(std::move(task));
  return run_all(std::move(tasks)).front();
}

void run(Task<void> task) {
  asio::io_context context;
  auto ignore = [](std::exception_ptr) {};
  asio::co_spawn(context, std::move(task), std::move(ignore));
  context.run();
}

KeptPair pair_named(const std::string& name, std::size_t token_size = 100) {
  KeptPair pair;
  pair.app = AppId("app-1");
  pair.grant = GrantId(name);
  pair.at = {Generation(4), Epoch(2)};
  pair.sealed = {Bytes(token_size, 'a'), to_bytes("refresh of " + name)};
  pair.access_expires_at = from_unix_ms(1'700'000'001'000);
  pair.refresh_expires_at = from_unix_ms(1'700'000'002'000);
  pair.received_at = from_unix_ms(1'700'000'003'000);
  pair.scope = "read_odometer";
  pair.data_key = DataKeyId(9);
  pair.replaces = to_bytes("before " + name);
  return pair;
}

class FileSpoolTest : public testing::Test {
 protected:
  FileSpoolTest() {
    std::string name = (std::filesystem::temp_directory_path() / "keyfob-spool-XXXXXX").string();
    folder = ::mkdtemp(name.data());
    reopen();
  }
  void TearDown() override {
    spool.reset();
    std::filesystem::remove_all(folder);
  }
  void reopen() {
    spool.reset();
    spool = FileSpool::open(folder, options).value();
  }
  SpoolSlot keep(const KeptPair& pair) {
    const auto slot = spool->reserve().value();
    EXPECT_TRUE(run(spool->keep(slot, pair)));
    return slot;
  }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : spool->entries()) found.push_back(entry.pair.grant.str());
    return found;
  }
  [[nodiscard]] std::string path() const { return folder + "/spool"; }
  [[nodiscard]] std::string content() const {
    std::ifstream file(path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void overwrite(std::size_t offset, const std::string& bytes) const {
    std::fstream file(path(), std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(offset));
    file << bytes;
  }

  SpoolOptions options{4, 4096};
  std::string folder;
  std::unique_ptr<FileSpool> spool;
};

TEST_F(FileSpoolTest, what_was_kept_is_there_after_a_restart_whole_and_oldest_first) {
  keep(pair_named("first"));
  keep(pair_named("second"));
  reopen();
  ASSERT_THAT(names(), ElementsAre("first", "second"));
  const auto entry = spool->entries().front().pair;
  const auto expected = pair_named("first");
  EXPECT_EQ(entry.app, expected.app);
  EXPECT_EQ(entry.at, expected.at);
  EXPECT_EQ(entry.sealed, expected.sealed);
  EXPECT_EQ(entry.access_expires_at, expected.access_expires_at);
  EXPECT_EQ(entry.refresh_expires_at, expected.refresh_expires_at);
  EXPECT_EQ(entry.received_at, expected.received_at);
  EXPECT_EQ(entry.scope, expected.scope);
  EXPECT_EQ(entry.data_key, expected.data_key);
  EXPECT_EQ(entry.replaces, expected.replaces);
}

TEST_F(FileSpoolTest, a_reservation_alone_leaves_nothing) {
  ASSERT_TRUE(spool->reserve());
  EXPECT_THAT(spool->entries(), IsEmpty());
  reopen();
  EXPECT_THAT(spool->entries(), IsEmpty());
}

TEST_F(FileSpoolTest, there_are_as_many_slots_as_asked_for) {
  std::vector<SpoolSlot> slots;
  for (std::uint32_t i = 0; i < options.slots; ++i) slots.push_back(spool->reserve().value());
  EXPECT_EQ(spool->reserve().error().code, ErrorCode::limit);
  run(spool->release(slots[2]));
  EXPECT_TRUE(spool->reserve());
  EXPECT_EQ(spool->reserve().error().code, ErrorCode::limit);
}

TEST_F(FileSpoolTest, a_slot_that_is_not_reserved_takes_nothing) {
  EXPECT_EQ(run(spool->keep(3, pair_named("x"))).error().code, ErrorCode::invalid_argument);
  EXPECT_THAT(spool->entries(), IsEmpty());
}

TEST_F(FileSpoolTest, a_slot_can_be_replaced_even_when_all_are_taken) {
  std::vector<SpoolSlot> slots;
  for (const char* name : {"a", "b", "c", "d"}) slots.push_back(keep(pair_named(name)));
  ASSERT_TRUE(run(spool->keep(slots[0], pair_named("a2"))));
  EXPECT_THAT(names(), ElementsAre("b", "c", "d", "a2"));
  reopen();
  EXPECT_THAT(names(), ElementsAre("b", "c", "d", "a2"));
}

TEST_F(FileSpoolTest, replacing_all_slots_at_once_loses_none) {
  std::vector<SpoolSlot> slots;
  for (const char* name : {"a", "b", "c", "d"}) slots.push_back(keep(pair_named(name)));
  std::vector<Task<Result<void>>> keeps;
  for (int round = 0; round < 3; ++round) {
    for (const auto slot : slots) keeps.push_back(spool->keep(slot, pair_named("n" + std::to_string(round))));
  }
  for (const auto& answer : run_all(std::move(keeps))) EXPECT_TRUE(answer);
  EXPECT_THAT(names(), ElementsAre("n2", "n2", "n2", "n2"));
  reopen();
  EXPECT_THAT(names(), ElementsAre("n2", "n2", "n2", "n2"));
  EXPECT_THAT(spool->damaged(), IsEmpty());
}

TEST_F(FileSpoolTest, a_released_pair_is_erased_from_the_disk) {
  const auto slot = keep(pair_named("gone"));
  ASSERT_THAT(content(), testing::HasSubstr("refresh of gone"));
  run(spool->release(slot));
  EXPECT_THAT(content(), testing::Not(testing::HasSubstr("refresh of gone")));
  reopen();
  EXPECT_THAT(spool->entries(), IsEmpty());
}

TEST_F(FileSpoolTest, a_replaced_pair_is_erased_from_the_disk) {
  const auto slot = keep(pair_named("older"));
  ASSERT_TRUE(run(spool->keep(slot, pair_named("newer"))));
  EXPECT_THAT(content(), testing::Not(testing::HasSubstr("refresh of older")));
}

TEST_F(FileSpoolTest, pairs_up_to_the_documented_limits_fit_the_default_slot) {
  options = {};
  std::filesystem::remove(path());
  reopen();
  KeptPair pair = pair_named(std::string(64, 'g'), limits::kToken + 128);
  pair.sealed.refresh = Bytes(limits::kToken + 128, 'r');
  pair.scope = std::string(limits::kScope, 's');
  keep(pair);
  reopen();
  ASSERT_THAT(spool->entries(), SizeIs(1));
  EXPECT_EQ(spool->entries().front().pair.sealed, pair.sealed);
}

TEST_F(FileSpoolTest, a_pair_larger_than_a_slot_is_refused_and_the_slot_keeps_what_it_had) {
  const auto slot = keep(pair_named("small"));
  EXPECT_EQ(run(spool->keep(slot, pair_named("big", 5000))).error().code, ErrorCode::limit);
  EXPECT_THAT(names(), ElementsAre("small"));
}

TEST_F(FileSpoolTest, keeping_takes_no_space_that_was_not_taken_when_the_spool_was_made) {
  std::signal(SIGXFSZ, SIG_IGN);
  struct stat before{};
  ASSERT_EQ(::stat(path().c_str(), &before), 0);
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const rlimit full{static_cast<rlim_t>(before.st_size), old.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
  for (const char* name : {"a", "b", "c", "d"}) keep(pair_named(name, 3000));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  struct stat after{};
  ASSERT_EQ(::stat(path().c_str(), &after), 0);
  EXPECT_EQ(after.st_size, before.st_size);
  EXPECT_EQ(after.st_blocks, before.st_blocks);
  EXPECT_THAT(names(), SizeIs(4));
}

TEST_F(FileSpoolTest, a_write_that_fails_is_an_error_and_the_older_pair_stays) {
  std::signal(SIGXFSZ, SIG_IGN);
  const auto slot = keep(pair_named("older"));
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const rlimit nothing{4096, old.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &nothing), 0);
  const auto answer = run(spool->keep(slot, pair_named("newer")));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  EXPECT_EQ(answer.error().code, ErrorCode::unavailable);
  EXPECT_THAT(names(), ElementsAre("older"));
  EXPECT_TRUE(run(spool->keep(slot, pair_named("newer")))) << "the next attempt is free to succeed";
  reopen();
  EXPECT_THAT(names(), ElementsAre("newer"));
}

TEST_F(FileSpoolTest, a_damaged_place_is_reported_kept_and_harms_no_other) {
  keep(pair_named("a"));
  keep(pair_named("b"));
  const auto offset = content().find("refresh of a");
  spool.reset();
  overwrite(offset, "R");
  const auto damaged_content = content();
  reopen();
  EXPECT_THAT(names(), ElementsAre("b"));
  EXPECT_THAT(spool->damaged(), SizeIs(1));
  std::vector<SpoolSlot> slots;
  while (auto slot = spool->reserve()) slots.push_back(*slot);
  EXPECT_THAT(slots, SizeIs(2)) << "the damaged place takes up room";
  for (const auto slot : slots) ASSERT_TRUE(run(spool->keep(slot, pair_named("c"))));
  EXPECT_THAT(content(), testing::HasSubstr("Refresh of a")) << "it is left as it is";
  run(spool->discard_damaged());
  EXPECT_THAT(content(), testing::Not(testing::HasSubstr("Refresh of a")));
  EXPECT_THAT(spool->damaged(), IsEmpty());
  EXPECT_TRUE(spool->reserve());
}

TEST_F(FileSpoolTest, every_torn_write_is_noticed) {
  const Bytes whole = spool::encode({1, pair_named("a")});
  keep(pair_named("b"));
  spool.reset();
  const std::size_t place = content().find("KFcell1");
  ASSERT_NE(place, std::string::npos);
  const auto before = content();
  for (std::size_t size = 1; size < whole.size(); size += 7) {
    // What was there, with the beginning of a new record over it.
    overwrite(place, std::string(as_text(ByteView(whole).first(size))));
    reopen();
    const bool damaged = spool->damaged().size() == 1;
    const bool untouched = names() == std::vector<std::string>{"b"};
    EXPECT_NE(damaged, untouched) << size;
    spool.reset();
    overwrite(0, before);
  }
  reopen();
}

TEST_F(FileSpoolTest, the_file_is_private_and_stays_so) {
  struct stat found{};
  ASSERT_EQ(::stat(path().c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600U);
  spool.reset();
  ASSERT_EQ(::chmod(path().c_str(), 0640), 0);
  const auto refused = FileSpool::open(folder, options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unsafe);
  EXPECT_EQ(refused.error().hint, "chmod 600 " + path());
}

TEST_F(FileSpoolTest, two_processes_never_share_a_spool) {
  const auto second = FileSpool::open(folder, options);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::conflict);
}

TEST_F(FileSpoolTest, a_damaged_file_is_never_made_anew) {
  keep(pair_named("a"));
  spool.reset();
  const auto before = content();
  overwrite(9, "\x7f");
  EXPECT_EQ(FileSpool::open(folder, options).error().code, ErrorCode::damaged);
  overwrite(0, before);
  std::filesystem::resize_file(path(), before.size() / 2);
  EXPECT_EQ(FileSpool::open(folder, options).error().code, ErrorCode::damaged);
  std::filesystem::resize_file(path(), 0);
  EXPECT_EQ(FileSpool::open(folder, options).error().code, ErrorCode::damaged);
}

TEST_F(FileSpoolTest, an_existing_spool_keeps_its_size) {
  keep(pair_named("a"));
  options = {100, 8192};
  reopen();
  EXPECT_THAT(names(), ElementsAre("a"));
  std::size_t slots = 1;
  while (spool->reserve()) ++slots;
  EXPECT_EQ(slots, 4U);
}

TEST(SpoolRecord, the_checksum_is_crc32c) {
  EXPECT_EQ(spool::crc32c(as_bytes("123456789")), 0xe3069283U);
  EXPECT_EQ(spool::crc32c(Bytes(32)), 0x8a9136aaU) << "RFC 3720 B.4, 32 bytes of zeros";
}

TEST(SpoolRecord, a_pair_that_does_not_say_what_it_follows_is_read_too) {
  KeptPair pair = pair_named("older");
  pair.replaces.clear();
  const auto decoded = spool::decode(spool::encode({1, pair}));
  ASSERT_EQ(decoded.state, spool::CellState::filled);
  EXPECT_TRUE(decoded.record.pair.replaces.empty());
  EXPECT_EQ(decoded.record.pair.sealed, pair.sealed);
}

TEST(SpoolRecord, a_record_whose_beginning_was_lost_is_damaged_not_empty) {
  Bytes cell = spool::encode({7, pair_named("a")});
  std::fill(cell.begin(), cell.begin() + 64, std::uint8_t{0});
  EXPECT_EQ(spool::decode(cell).state, spool::CellState::damaged);
  EXPECT_EQ(spool::decode(Bytes(4096)).state, spool::CellState::empty);
  EXPECT_EQ(spool::decode(Bytes()).state, spool::CellState::damaged);
}

TEST(SpoolRecord, an_erasure_cut_short_is_an_erasure) {
  Bytes cell = spool::encode({7, pair_named("a")});
  const Bytes erased = spool::erased_cell(cell.size());
  std::copy_n(erased.begin(), 8, cell.begin());
  EXPECT_EQ(spool::decode(cell).state, spool::CellState::empty);
  EXPECT_EQ(spool::decode(erased).state, spool::CellState::empty);
}

TEST(SpoolRecord, no_single_bit_flip_passes) {
  Bytes cell = spool::encode({7, pair_named("a", 16)});
  for (std::size_t i = 0; i < cell.size() * 8; ++i) {
    cell[i / 8] ^= static_cast<std::uint8_t>(1U << (i % 8));
    EXPECT_NE(spool::decode(cell).state, spool::CellState::filled) << "bit " << i;
    cell[i / 8] ^= static_cast<std::uint8_t>(1U << (i % 8));
  }
  EXPECT_EQ(spool::decode(cell).state, spool::CellState::filled);
}

}  // namespace
}  // namespace keyfob
