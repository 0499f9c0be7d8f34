// Rotating data keys and the master key over a memory store, under virtual time.
#include <gtest/gtest.h>

#include <algorithm>

#include "testing/world.hpp"
#include "vault/reseal.hpp"

namespace keyfob {
namespace {

using testing::World;
using CommitFault = testing::FaultyRefreshStore::CommitFault;

std::string token_of(const std::expected<GrantToken, TokenFailure>& answer) {
  return answer ? std::string(reveal_secret(answer->token)) : "no token: " + answer.error().detail;
}

class KeyRotationTest : public ::testing::Test {
 protected:
  KeyRotationTest() { world.add_app(); }

  DataKeyId rotate() { return world.run(world.engine->directory().rotate_data_key(world.app)).value(); }
  std::vector<std::uint64_t> keys() {
    std::vector<std::uint64_t> ids;
    const auto all = world.run(world.engine->directory().data_keys()).value();
    for (const auto& key : all) ids.push_back(key.id.value());
    return ids;
  }
  engine::ResealProgress pass() {
    for (;;) {
      const auto progress = world.run(world.engine->resealer().advance(world.app));
      if (!progress) throw std::runtime_error(progress.error().what);
      if (progress->pass_ended) return *progress;
    }
  }
  bool opens(const Grant& grant) {
    const auto keyring = world.engine->directory().snapshot()->keyring;
    return vault::reseal_record(*keyring, world.stored(grant), {}).has_value();
  }
  std::vector<DataKeyId> keys_of(const Grant& grant) { return vault::data_keys_of(world.stored(grant)); }

  /// Once.
  std::function<Task<void>()> retiring_the_first_key() {
    return [this, done = false]() mutable -> Task<void> {
      if (std::exchange(done, true)) co_return;
      const DataKeyRef first{world.app, DataKeyId(1)};
      const auto before = (co_await world.store.data_keys()).value();
      auto after = before;
      std::erase_if(after, [&](const auto& key) { return key.app == first.app && key.id == first.id; });
      EXPECT_TRUE(co_await world.store.change_data_keys({}, before, after));
    };
  }

  World world;
};

TEST_F(KeyRotationTest, ANewDataKeySealsAtOnceAndOldRecordsStillOpen) {
  const Grant before = world.import("u1", "v1");
  EXPECT_EQ(rotate(), DataKeyId(2));
  const Grant after = world.import("u2", "v2");
  EXPECT_EQ(keys_of(before), std::vector{DataKeyId(1)});
  EXPECT_EQ(keys_of(after), std::vector{DataKeyId(2)});
  EXPECT_EQ(token_of(world.get("v1")), "access-1");
  EXPECT_EQ(token_of(world.get("v2")), "access-3");
}

TEST_F(KeyRotationTest, TheBackgroundMovesEverythingAndRetiresTheOldKey) {
  std::vector<Grant> grants;
  for (int i = 0; i < 450; ++i)
    grants.push_back(world.import("u" + std::to_string(i), "v" + std::to_string(i), days(30)));
  const GrantRecord before = world.stored(grants[7]);
  rotate();
  world.pass(seconds(60));
  EXPECT_EQ(keys(), std::vector<std::uint64_t>{2});
  const GrantRecord after = world.stored(grants[7]);
  EXPECT_NE(after.sealed, before.sealed);
  EXPECT_EQ(after.grant.version, before.grant.version);
  EXPECT_EQ(after.grant.updated_at, before.grant.updated_at);
  world.restart();
  for (const Grant& grant : grants) EXPECT_TRUE(opens(grant));
  EXPECT_EQ(world.idp.exchanges(), 0) << "no token was rotated for it";
}

TEST_F(KeyRotationTest, ARefreshMovesTheTokensByItself) {
  const Grant grant = world.import("u1", "v1", seconds(0));
  rotate();
  ASSERT_EQ(token_of(world.get("v1")), "access-3");
  EXPECT_EQ(keys_of(grant), (std::vector{DataKeyId(2), DataKeyId(1)})) << "all but the association";
}

TEST_F(KeyRotationTest, KilledAnywhereEveryRecordOpensAndThePassGoesOn) {
  world.config.reseal.page = 3;
  world.restart();
  std::vector<Grant> grants;
  for (int i = 0; i < 20; ++i)
    grants.push_back(world.import("u" + std::to_string(i), "v" + std::to_string(i), days(30)));
  for (int round = 0; round < 12; ++round) {
    rotate();
    for (int steps = 0; steps < round; ++steps) ASSERT_TRUE(world.run(world.engine->resealer().advance(world.app)));
    world.restart();
    for (const Grant& grant : grants) ASSERT_TRUE(opens(grant)) << "round " << round;
  }
  world.pass(minutes(2));
  EXPECT_EQ(keys(), std::vector<std::uint64_t>{13});
  for (const Grant& grant : grants) EXPECT_TRUE(opens(grant));
}

TEST_F(KeyRotationTest, AKeyIsNotRetiredUnderAPairInTheSpool) {
  const Grant grant = world.import("u1", "v1", seconds(0));
  world.import("u2", "v2", days(30));
  world.refreshes.always = CommitFault::refuse;
  ASSERT_EQ(token_of(world.get("v1")), "access-5");
  ASSERT_EQ(world.spool.entries().size(), 1U);
  rotate();
  world.pass(minutes(5));
  EXPECT_EQ(keys(), (std::vector<std::uint64_t>{1, 2}));
  world.restart();
  EXPECT_EQ(keys(), (std::vector<std::uint64_t>{1, 2})) << "nor after a crash";
  world.refreshes.always = CommitFault::none;
  world.pass(minutes(2));
  EXPECT_EQ(world.stored_refresh_token(grant), "refresh-6");
  EXPECT_EQ(keys(), std::vector<std::uint64_t>{2});
  EXPECT_TRUE(opens(grant));
}

TEST_F(KeyRotationTest, AKeyIsNotRetiredWhileAnotherNodeMayHavePairsUnderIt) {
  world.import("u1", "v1", days(30));
  const NodeId gone("node-gone");
  std::vector<DataKeyRef> held{{world.app, DataKeyId(1)}};
  ASSERT_TRUE(world.run(world.store.hold_data_keys(gone, std::move(held), world.clock.wall())));
  rotate();
  world.pass(minutes(5));
  ASSERT_EQ(keys(), (std::vector<std::uint64_t>{1, 2}));
  const engine::ResealProgress progress = pass();
  ASSERT_EQ(progress.kept.size(), 1U);
  EXPECT_NE(progress.kept[0].why.find("node-gone"), std::string::npos) << progress.kept[0].why;
  ASSERT_TRUE(world.run(world.engine->directory().forget_node(gone)));
  world.pass(minutes(1));
  EXPECT_EQ(keys(), std::vector<std::uint64_t>{2});
}

TEST_F(KeyRotationTest, ARefreshInFlightKeepsItsKey) {
  world.import("u1", "v1", seconds(0));
  world.idp.slow_by = seconds(40);
  world.idp.next({testing::Fault::slow});
  asio::co_spawn(*world.node_context, world.engine->get(world.app, "", "v1", seconds(1)),
                 [](const std::exception_ptr&, const std::expected<GrantToken, TokenFailure>&) {});
  world.pass(seconds(1));
  rotate();
  world.pass(seconds(20));
  EXPECT_EQ(keys(), (std::vector<std::uint64_t>{1, 2})) << "its answer may still be sealed and kept";
  world.pass(minutes(5));
  EXPECT_EQ(keys(), std::vector<std::uint64_t>{2});
}

TEST_F(KeyRotationTest, ADamagedRecordIsLeftAloneAndKeepsItsKey) {
  const Grant grant = world.import("u1", "v1", days(30));
  const GrantRecord good = world.stored(grant);
  GrantRecord bad = good;
  bad.sealed.refresh.back() ^= 1U;
  bad.grant.version = {bad.grant.version.generation.next(), bad.grant.version.epoch.next()};
  std::vector<PutRequest> request;
  request.push_back({bad, good.grant.version});
  ASSERT_TRUE(world.run(world.store.put(std::move(request))).value().front());
  rotate();
  world.pass(minutes(2));
  EXPECT_EQ(keys(), (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(world.stored(grant).sealed, bad.sealed);
  EXPECT_EQ(pass().damaged, 1U);
}

TEST_F(KeyRotationTest, ACommitWhoseAcknowledgementWasLostIsRecognisedAfterResealing) {
  const Grant grant = world.import("u1", "v1", seconds(0));
  world.refreshes.next = {CommitFault::lose_acknowledgement, CommitFault::refuse, CommitFault::refuse};
  world.refreshes.always = CommitFault::refuse;
  ASSERT_EQ(token_of(world.get("v1")), "access-3");
  rotate();
  pass();
  world.refreshes.always = CommitFault::none;
  world.pass(seconds(30));
  EXPECT_TRUE(world.spool.entries().empty());
  EXPECT_EQ(world.stored_refresh_token(grant), "refresh-4");
  EXPECT_TRUE(
      world.run(world.store.late({grant.app, grant.id}, world.stored(grant).grant.version.epoch)).value().empty())
      << "the pair in the spool is the stored one, under another key";
}

TEST_F(KeyRotationTest, ARecordUnderAKeyThatAnotherNodeMadeAMomentAgoOpens) {
  const Grant grant = world.import("u1", "v1", days(30));
  // What another node does to the store, unseen by this one: a new key, and this record moved to it.
  const auto wrapped = world.run(world.store.data_keys()).value();
  WrappedDataKey next = wrapped[0];
  next.id = DataKeyId(2);
  const Secret raw(std::string(32, 'k'));
  next.wrapped = world.run(world.master.wrap(raw, vault::wrap_context(world.app, DataKeyId(2)))).value();
  auto old = wrapped[0];
  old.primary = false;
  std::vector<WrappedDataKey> after{old, next};
  ASSERT_TRUE(world.run(world.store.change_data_keys(world.app, wrapped, after)));
  const auto keyring =
      world.engine->directory().snapshot()->keyring->with({world.app, DataKeyId(2), true, raw}).value();
  const GrantRecord record = world.stored(grant);
  const auto moved = vault::reseal_record(*keyring, record, {}).value();
  std::vector<ResealedGrant> batch;
  batch.push_back({{grant.app, grant.id},
                   record.grant.version,
                   {record.sealed, record.association_mac},
                   {moved.pair, moved.association_mac}});
  ASSERT_EQ(world.run(world.store.reseal(std::move(batch))).value(), 1U);
  EXPECT_EQ(token_of(world.get("v1")), "access-1");
}

/// An old key is retired while the new one is made: the background does that whenever it has moved the last record.
TEST_F(KeyRotationTest, AKeyThatIsRetiredMeanwhileIsNoReasonToRefuse) {
  rotate();
  world.master.while_wrapping = retiring_the_first_key();
  EXPECT_EQ(rotate(), DataKeyId(3));
  EXPECT_EQ(keys(), (std::vector<std::uint64_t>{2, 3}));
}

TEST_F(KeyRotationTest, KeysThatChangeEachTimeAreSaidToDoSo) {
  world.master.while_wrapping = [this]() -> Task<void> {
    const auto before = (co_await world.store.data_keys()).value();
    auto after = before;
    for (auto& key : after) key.wrapped.push_back(0);
    EXPECT_TRUE(co_await world.store.change_data_keys({}, before, after));
  };
  const auto rotated = world.run(world.engine->directory().rotate_data_key(world.app));
  ASSERT_FALSE(rotated);
  EXPECT_EQ(rotated.error().code, ErrorCode::conflict);
}

// --- the master key

TEST_F(KeyRotationTest, RewrappingChangesTheMasterKeyOfEveryDataKeyAndOpensEverything) {
  const Grant grant = world.import("u1", "v1", days(30));
  rotate();
  const AppId first = world.app;
  world.add_app("second");
  world.app = first;
  testing::FakeMasterKey next("master-2");
  EXPECT_EQ(world.run(world.engine->directory().rewrap(next)).value(), world.run(world.store.data_keys())->size());
  const auto keys = world.run(world.store.data_keys());
  for (const auto& key : keys.value()) EXPECT_EQ(key.master, "master-2");
  EXPECT_TRUE(opens(grant));
  EXPECT_THROW(world.restart(), std::runtime_error) << "the old master key alone opens nothing any more";
  world.other_masters = {&next};
  world.restart();
  EXPECT_TRUE(opens(grant)) << "both are accepted while nodes roll";
}

TEST_F(KeyRotationTest, RewrappingGoesOnOverAKeyThatIsRetiredMeanwhile) {
  rotate();
  const std::size_t before = world.run(world.store.data_keys())->size();
  testing::FakeMasterKey next("master-2");
  next.while_wrapping = retiring_the_first_key();
  EXPECT_EQ(world.run(world.engine->directory().rewrap(next)).value(), before - 1);
  const auto keys = world.run(world.store.data_keys());
  for (const auto& key : keys.value()) EXPECT_EQ(key.master, "master-2");
}

/// Gives up after so many calls, as an HSM does whose cable is pulled.
class FailingMaster final : public KeyProvider {
 public:
  explicit FailingMaster(int good) : good_(good) {}
  [[nodiscard]] std::string fingerprint() const override { return real_.fingerprint(); }
  Task<Result<Bytes>> wrap(Secret key, Bytes context) override {
    if (--good_ < 0) co_return fail(ErrorCode::unavailable, "the token was pulled");
    Result<Bytes> wrapped = co_await real_.wrap(std::move(key), std::move(context));
    co_return wrapped;
  }
  Task<Result<Secret>> unwrap(Bytes wrapped, Bytes context) override {
    if (--good_ < 0) co_return fail(ErrorCode::unavailable, "the token was pulled");
    Result<Secret> raw = co_await real_.unwrap(std::move(wrapped), std::move(context));
    co_return raw;
  }

 private:
  int good_;
  testing::FakeMasterKey real_{"master-2"};
};

TEST_F(KeyRotationTest, RewrappingIsAllOrNothingWhereverItFails) {
  rotate();
  world.add_app("second");
  for (int good = 0; good < 6; ++good) {
    FailingMaster next(good);
    const auto done = world.run(world.engine->directory().rewrap(next));
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::unavailable);
    const auto keys = world.run(world.store.data_keys()).value();
    for (const auto& key : keys) EXPECT_EQ(key.master, "master-1");
  }
  FailingMaster next(6);
  EXPECT_EQ(world.run(world.engine->directory().rewrap(next)).value(), 3U);
}

TEST_F(KeyRotationTest, ARunningNodeServesOnWhenItsMasterKeyIsGone) {
  const Grant grant = world.import("u1", "v1", days(30));
  testing::FakeMasterKey elsewhere("master-9");
  auto keys = world.run(world.store.data_keys()).value();
  auto foreign = keys;
  for (auto& key : foreign) key.master = "master-9";
  ASSERT_TRUE(world.run(world.store.change_data_keys({}, keys, foreign)));
  ASSERT_TRUE(world.run(world.engine->directory().load())) << "its data keys are known already";
  EXPECT_TRUE(opens(grant));
}

TEST_F(KeyRotationTest, ARemovedApplicationsKeysAreGoneFromMemoryToo) {
  world.import("u1", "v1", days(30));
  const AppId app = world.app;
  ASSERT_NE(world.engine->directory().snapshot()->keyring->primary(app), nullptr);
  ASSERT_TRUE(world.run(world.engine->directory().remove_application(app)));
  EXPECT_EQ(world.engine->directory().snapshot()->keyring->primary(app), nullptr);
  EXPECT_TRUE(world.run(world.store.data_keys())->empty());
}

}  // namespace
}  // namespace keyfob
