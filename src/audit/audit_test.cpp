// The chain, the tally, the trail and their verification together.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <thread>

#include "audit/trail.hpp"
#include "audit/verify.hpp"
#include "store/memory/memory_store.hpp"
#include "testing/fake_clock.hpp"

namespace keyfob::audit {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

const NodeId kNode{"node-a"};
constexpr TokenUse kUse{"backend", "app-1", "g1"};

ChainKey chain_key() {
  auto association = crypto::MacKey::from_bytes(Bytes(32, 7)).value();
  return derive_chain_key(DataKeyId(1), association).value();
}

AuditEntry entry(const char* action, const char* subject = "") {
  AuditEntry e;
  e.actor = "backend";
  e.action = action;
  e.outcome = "ok";
  e.app = AppId("app-1");
  e.grant = GrantId("g1");
  e.subject = subject;
  return e;
}

/// Refuses to append while it is down.
class FlakyStore final : public AuditStore {
 public:
  explicit FlakyStore(MemoryStore& store) : store_(store) {}
  Task<Result<void>> append(std::vector<AuditRecord> records) override {
    ++appends;
    if (down) co_return fail(ErrorCode::unavailable, "down");
    while (silent != nullptr) co_await silent->sleep(seconds(10));
    Result<void> done = co_await store_.append(std::move(records));
    if (std::exchange(lose_answer, false)) co_return fail(ErrorCode::timeout, "the answer was lost");
    co_return done;
  }
  Task<Result<AuditPage>> find_audit(AuditQuery query) override { return store_.find_audit(std::move(query)); }
  Task<Result<std::vector<AuditRecord>>> chain(NodeId node, std::uint64_t after, std::size_t limit) override {
    return store_.chain(std::move(node), after, limit);
  }
  Task<Result<std::vector<AuditHead>>> heads() override { return store_.heads(); }
  Task<Result<void>> prune(NodeId node, std::uint64_t through) override {
    return store_.prune(std::move(node), through);
  }
  bool down = false;
  bool lose_answer = false;
  Clock* silent = nullptr;  ///< by which no answer comes
  int appends = 0;

 private:
  MemoryStore& store_;
};

class AuditTrail : public ::testing::Test {
 protected:
  void start(TrailOptions options = {}, std::optional<AuditHead> kept = std::nullopt) {
    options.on_durable = [this](const AuditHead& head) { durable = head; };
    trail = std::make_unique<Trail>(io.get_executor(), store, clock, chain_key(), kNode, std::move(options));
    ASSERT_TRUE(await(trail->start(std::move(kept))));
  }
  /// Runs the task to its end, letting time pass when everything waits.
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
  std::vector<AuditRecord> records() { return await(memory.chain(kNode, 0, 100'000)).value(); }
  std::uint64_t total(const char* action) {
    std::uint64_t sum = 0;
    for (const AuditRecord& record : records()) {
      if (record.entry.action == action) sum += record.entry.count;
    }
    return sum;
  }
  AuditVerification verified(std::vector<AuditHead> kept = {}) {
    const auto key = std::make_shared<const ChainKey>(chain_key());
    ChainKeys keys = [key](DataKeyId id) {
      return std::shared_ptr<const crypto::MacKey>(key, id == key->id ? &key->key : nullptr);
    };
    return await(verify(memory, std::move(keys), std::move(kept))).value();
  }
  /// What a writer of the database does: anything to any record, but without the key.
  void tamper(const std::function<void(std::vector<AuditRecord>&)>& change) {
    std::vector<AuditRecord> all = records();
    change(all);
    await(memory.prune(kNode, UINT64_MAX)).value();
    for (AuditRecord& record : all) {
      std::vector<AuditRecord> one;
      one.push_back(std::move(record));
      ASSERT_TRUE(await(memory.append(std::move(one))));
    }
  }

  testing::FakeClock clock;
  MemoryStore memory{clock};
  FlakyStore store{memory};
  AuditHead durable;
  asio::io_context io;
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  std::unique_ptr<Trail> trail;
};

TEST_F(AuditTrail, what_was_recorded_is_chained_and_verifies) {
  start();
  trail->record(entry("app.added"));
  trail->record(entry("caller.added"));
  ASSERT_TRUE(await(trail->settled()));
  EXPECT_THAT(records(), SizeIs(2));
  EXPECT_EQ(durable.sequence, 2U);
  const AuditVerification found = verified({durable});
  EXPECT_THAT(found.faults, IsEmpty());
  EXPECT_EQ(found.records, 2U);
}

TEST_F(AuditTrail, every_change_removal_and_reordering_is_found_and_placed) {
  struct Crime {
    const char* what;
    std::uint64_t at;
    std::function<void(std::vector<AuditRecord>&)> change;
  };
  const std::vector<Crime> crimes = {
      {"actor", 2, [](auto& r) { r[1].entry.actor = "nobody"; }},
      {"action", 2, [](auto& r) { r[1].entry.action = "x"; }},
      {"outcome", 2, [](auto& r) { r[1].entry.outcome = "x"; }},
      {"app", 2, [](auto& r) { r[1].entry.app = AppId("x"); }},
      {"grant", 2, [](auto& r) { r[1].entry.grant = GrantId("x"); }},
      {"user", 2, [](auto& r) { r[1].entry.user = UserId("x"); }},
      {"subject", 2, [](auto& r) { r[1].entry.subject = "x"; }},
      {"count", 2, [](auto& r) { r[1].entry.count = 0; }},
      {"time", 2, [](auto& r) { r[1].entry.at += seconds(1); }},
      {"request", 2, [](auto& r) { r[1].entry.request_id = "x"; }},
      {"mac", 2, [](auto& r) { r[1].mac[0] ^= 1; }},
      {"first removed", 2, [](auto& r) { r.erase(r.begin()); }},
      {"middle removed", 3, [](auto& r) { r.erase(r.begin() + 1); }},
      {"removed and renumbered", 2,
       [](auto& r) {
         r.erase(r.begin() + 1);
         r[1].sequence = 2;
       }},
      {"reordered", 2, [](auto& r) { std::swap(r[1].entry, r[2].entry); }},
      {"cut off", 3, [](auto& r) { r.pop_back(); }},
  };
  for (const Crime& crime : crimes) {
    await(memory.prune(kNode, UINT64_MAX)).value();
    start();
    for (const char* subject : {"one", "two", "three"}) trail->record(entry("caller.added", subject));
    ASSERT_TRUE(await(trail->settled()));
    ASSERT_THAT(verified({durable}).faults, IsEmpty());
    tamper(crime.change);
    const AuditVerification found = verified({durable});
    ASSERT_THAT(found.faults, SizeIs(1)) << crime.what;
    EXPECT_EQ(found.faults[0].sequence, crime.at) << crime.what << ": " << found.faults[0].what;
  }
}

TEST_F(AuditTrail, a_chain_goes_on_after_a_restart) {
  start();
  trail->record(entry("one"));
  ASSERT_TRUE(await(trail->stop(seconds(5))));
  start({}, durable);
  trail->record(entry("two"));
  ASSERT_TRUE(await(trail->settled()));
  EXPECT_THAT(records(), SizeIs(2));
  EXPECT_THAT(verified().faults, IsEmpty());
}

TEST_F(AuditTrail, a_store_that_is_behind_the_kept_head_is_put_on_record) {
  start({}, AuditHead{kNode, 9, Bytes(32, 1)});
  ASSERT_TRUE(await(trail->settled()));
  ASSERT_THAT(records(), SizeIs(1));
  EXPECT_EQ(records()[0].entry.action, "audit.cut");
}

TEST_F(AuditTrail, a_disclosure_is_durable_before_it_may_be_counted) {
  start();
  EXPECT_FALSE(trail->count_disclosure(kUse));
  ASSERT_TRUE(await(trail->record_disclosure(entry("token.disclosed"))));
  EXPECT_EQ(total("token.disclosed"), 1U);
  EXPECT_TRUE(trail->count_disclosure(kUse));
  EXPECT_FALSE(trail->count_disclosure({"another", "app-1", "g1"}));
  EXPECT_TRUE(trail->count_disclosure({"backend", "app-1", "g2"})) << "that backend is given tokens is on record";
  pass(minutes(1));
  pass(seconds(2));
  EXPECT_FALSE(trail->count_disclosure(kUse)) << "a new minute begins with a durable record";
}

TEST_F(AuditTrail, calls_are_counted_without_loss_and_written_once_a_minute) {
  start();
  const int before = store.appends;
  for (int i = 0; i < 10'000; ++i) {
    const std::string grant = "g" + std::to_string(i % 700);
    trail->count_use({"backend", "app-1", grant});
  }
  for (int i = 0; i < 5; ++i) trail->count_refusal({"backend", "forbidden"});
  pass(minutes(1));
  pass(seconds(2));
  pass(seconds(2));
  EXPECT_EQ(total("token.used"), 10'000U);
  EXPECT_EQ(total("request.refused"), 5U);
  EXPECT_LE(store.appends - before, 20) << "neither a write per call nor one per grant";
  EXPECT_THAT(verified().faults, IsEmpty());
}

TEST_F(AuditTrail, the_first_refusal_of_a_minute_says_what_was_asked_and_the_rest_cost_nothing) {
  start();
  const int before = store.appends;
  for (int i = 0; i < 1000; ++i) {
    trail->count_refusal(
        {"backend", "forbidden", "GET /v1/token", "user-" + std::to_string(i), "r-" + std::to_string(i)});
    trail->count_refusal({"", "unauthenticated", "GET /v1/status", "", "s-" + std::to_string(i)});
  }
  ASSERT_TRUE(await(trail->settled()));
  EXPECT_LE(store.appends - before, 2);
  std::vector<std::string> told;
  for (const AuditRecord& record : records()) {
    const AuditEntry& entry = record.entry;
    if (entry.action == "request.refused" && entry.count == 0) {
      told.push_back(entry.actor + "|" + entry.outcome + "|" + entry.subject + "|" + entry.user.str() + "|" +
                     entry.request_id);
    }
  }
  EXPECT_THAT(
      told, UnorderedElementsAre("backend|forbidden|GET /v1/token|user-0|r-0", "|unauthenticated|GET /v1/status||s-0"));
  pass(minutes(1));
  pass(seconds(2));
  pass(seconds(2));
  EXPECT_EQ(total("request.refused"), 2000U);
  EXPECT_THAT(verified().faults, IsEmpty());
}

TEST_F(AuditTrail, what_was_counted_is_on_record_as_soon_as_somebody_wants_to_read_it) {
  start();
  for (int i = 0; i < 3; ++i) trail->count_use(kUse);
  ASSERT_TRUE(await(trail->write_counts()));
  EXPECT_EQ(total("token.used"), 3U);
  trail->count_use(kUse);
  ASSERT_TRUE(await(trail->write_counts()));
  ASSERT_TRUE(await(trail->write_counts()));
  EXPECT_EQ(total("token.used"), 4U) << "each once";
}

TEST_F(AuditTrail, more_callers_than_there_is_room_for_cost_more_records_and_nothing_else) {
  start();
  for (int i = 0; i < 10'000; ++i) trail->count_refusal({"caller-" + std::to_string(i), "forbidden"});
  ASSERT_TRUE(await(trail->write_counts()));
  EXPECT_EQ(total("request.refused"), 10'000U);
}

TEST_F(AuditTrail, stopping_writes_the_counts_of_the_present_minute) {
  start();
  for (int i = 0; i < 3; ++i) trail->count_use(kUse);
  ASSERT_TRUE(await(trail->stop(seconds(5))));
  EXPECT_EQ(total("token.used"), 3U);
}

TEST_F(AuditTrail, an_outage_delays_entries_and_loses_none) {
  start();
  store.down = true;
  trail->record(entry("one"));
  EXPECT_TRUE(await(trail->settled())) << "the policy says to go on";
  trail->record(entry("two"));
  EXPECT_THAT(records(), IsEmpty());
  store.down = false;
  pass(seconds(2));
  pass(seconds(2));
  EXPECT_THAT(records(), SizeIs(2));
  EXPECT_THAT(verified().faults, IsEmpty());
}

TEST_F(AuditTrail, where_the_policy_says_so_an_outage_refuses_what_must_be_on_record) {
  TrailOptions options;
  options.proceed_on_outage = false;
  start(std::move(options));
  store.down = true;
  EXPECT_FALSE(await(trail->record_disclosure(entry("token.disclosed"))));
  EXPECT_FALSE(trail->count_disclosure(kUse));
  store.down = false;
  pass(seconds(2));
  EXPECT_TRUE(await(trail->record_disclosure(entry("token.disclosed"))));
}

TEST_F(AuditTrail, nobody_waits_for_a_store_that_does_not_answer_and_what_was_recorded_is_written_later) {
  for (const bool proceed : {true, false}) {
    TrailOptions options;
    options.proceed_on_outage = proceed;
    start(std::move(options));
    store.silent = &clock;
    const BootTime asked = clock.boot();
    EXPECT_EQ(await(trail->record_disclosure(entry("token.disclosed"))).has_value(), proceed);
    EXPECT_LE(clock.boot() - asked, seconds(5));
    store.silent = nullptr;
    pass(seconds(10));
    pass(seconds(2));
    ASSERT_TRUE(await(trail->stop(seconds(10))));
  }
  EXPECT_EQ(total("token.disclosed"), 2U);
  EXPECT_THAT(verified().faults, IsEmpty());
}

TEST_F(AuditTrail, an_append_whose_answer_was_lost_is_not_written_twice) {
  start();
  store.lose_answer = true;
  trail->record(entry("one"));
  trail->record(entry("two"));
  static_cast<void>(await(trail->settled()));
  pass(seconds(2));
  pass(seconds(2));
  EXPECT_THAT(records(), SizeIs(2));
  EXPECT_THAT(verified().faults, IsEmpty());
}

TEST_F(AuditTrail, entries_beyond_the_queue_are_counted_as_lost) {
  TrailOptions options;
  options.most_queued = 10;
  start(std::move(options));
  store.down = true;
  for (int i = 0; i < 50; ++i) trail->record(entry("one"));
  store.down = false;
  pass(seconds(2));
  pass(seconds(2));
  EXPECT_EQ(total("one") + total("audit.lost"), 50U);
  EXPECT_GT(total("audit.lost"), 0U);
}

TEST_F(AuditTrail, old_records_are_pruned_and_the_rest_still_verifies) {
  TrailOptions options;
  options.retention = days(30);
  start(std::move(options));
  AuditEntry old = entry("old");
  old.at = clock.wall();
  for (int i = 0; i < 3; ++i) trail->record(old);
  ASSERT_TRUE(await(trail->settled()));
  const AuditHead exported = durable;
  pass(days(31));
  AuditEntry young = entry("young");
  young.at = clock.wall();
  trail->record(young);
  for (int i = 0; i < 3; ++i) pass(hours(2));
  EXPECT_EQ(total("old"), 0U);
  EXPECT_EQ(total("young"), 1U);
  EXPECT_EQ(total("audit.pruned"), 3U);
  EXPECT_THAT(verified({durable}).faults, IsEmpty());
  EXPECT_THAT(verified({exported}).faults, IsEmpty()) << "a head from before the pruning is no contradiction";
  tamper([](auto& r) { r.erase(r.begin()); });
  EXPECT_THAT(verified().faults, SizeIs(1));
}

TEST(AuditTally, counts_from_many_threads_add_up) {
  Tally tally;
  tally.set_minute(from_unix_ms(120'000));
  const auto count = [&tally] {
    for (int i = 0; i < 20'000; ++i) {
      const std::string grant = "g" + std::to_string(i % 20'000);
      tally.count({TallyKind::used, "a", "b", grant});
    }
  };
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(count);
  threads.clear();
  std::uint64_t sum = 0;
  Tally::Sweep sweep;
  for (const TallyCount& taken : tally.take(true, sweep, 100'000)) sum += taken.count;
  EXPECT_EQ(sum, 80'000U);
  Tally::Sweep again;
  EXPECT_THAT(tally.take(true, again, 100'000), IsEmpty());
}

TEST(AuditTally, what_a_store_that_takes_nothing_leaves_in_memory_has_an_end_and_the_rest_is_told) {
  Tally tally;
  tally.set_minute(from_unix_ms(120'000));
  for (int i = 0; i < 1'200'000; ++i) {
    const std::string grant = "g" + std::to_string(i);
    tally.count({TallyKind::used, "a", "b", grant});
  }
  Tally::Sweep sweep;
  const std::size_t kept = tally.take(true, sweep, 2'000'000).size();
  EXPECT_LE(kept, 1'000'000U);
  EXPECT_EQ(kept + tally.take_dropped(), 1'200'000U);
  EXPECT_EQ(tally.take_dropped(), 0U);
}

TEST(AuditChain, the_worked_example_of_the_specification) {
  ChainWriter writer({NodeId("node-a"), 0, {}}, chain_key());
  AuditEntry e = entry("caller.added", "backend");
  e.at = from_unix_ms(1'767'225'600'000);
  const AuditRecord record = writer.next(e);
  EXPECT_EQ(record.sequence, 1U);
  EXPECT_EQ(encode(record).size(), 127U);
  EXPECT_EQ(to_hex(record.mac), "b26b02d281736541eb3d1ed9c0c2030d4177d16d3ff1586fa8bd01df0d7e668c");
}

}  // namespace
}  // namespace keyfob::audit
