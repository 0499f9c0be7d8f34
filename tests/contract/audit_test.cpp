// AuditStore.
#include "stores.hpp"

namespace keyfob::contract {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

AuditRecord record_of(const char* node, std::uint64_t sequence, std::int64_t second,
                      const char* action = "grant.refreshed") {
  AuditRecord record;
  record.node = NodeId(node);
  record.sequence = sequence;
  record.key = DataKeyId(3);
  record.entry.at = at(second);
  record.entry.actor = "backend";
  record.entry.action = action;
  record.entry.outcome = "ok";
  record.entry.app = kApp;
  record.entry.grant = GrantId("g1");
  record.entry.user = UserId("alice");
  record.entry.subject = "caller-1";
  record.entry.count = 7;
  record.entry.request_id = "r-1";
  record.mac = to_bytes("mac " + std::to_string(sequence));
  return record;
}

Result<void> append(StoreUnderTest& store, std::vector<AuditRecord> records) {
  return run(store.audit->append(std::move(records)));
}

std::vector<std::uint64_t> sequences(const std::vector<AuditRecord>& records) {
  std::vector<std::uint64_t> all;
  for (const AuditRecord& record : records) all.push_back(record.sequence);
  return all;
}

TEST_P(StoreContract, an_audit_record_comes_back_whole) {
  if (store->audit == nullptr) GTEST_SKIP() << "this store keeps no audit trail yet";
  ASSERT_THAT(append(*store, {record_of("n", 1, 5)}), is_ok());
  const auto chain = run(store->audit->chain(NodeId("n"), 0, 10)).value();
  ASSERT_EQ(chain.size(), 1U);
  const AuditRecord& back = chain[0];
  const AuditRecord put = record_of("n", 1, 5);
  EXPECT_EQ(back.node, put.node);
  EXPECT_EQ(back.key, put.key);
  EXPECT_EQ(back.mac, put.mac);
  EXPECT_EQ(back.entry.at, put.entry.at);
  EXPECT_EQ(back.entry.actor, put.entry.actor);
  EXPECT_EQ(back.entry.action, put.entry.action);
  EXPECT_EQ(back.entry.outcome, put.entry.outcome);
  EXPECT_EQ(back.entry.app, put.entry.app);
  EXPECT_EQ(back.entry.grant, put.entry.grant);
  EXPECT_EQ(back.entry.user, put.entry.user);
  EXPECT_EQ(back.entry.subject, put.entry.subject);
  EXPECT_EQ(back.entry.count, put.entry.count);
  EXPECT_EQ(back.entry.request_id, put.entry.request_id);
}

TEST_P(StoreContract, a_chain_cannot_be_written_twice_and_nothing_is_half_appended) {
  if (store->audit == nullptr) GTEST_SKIP() << "this store keeps no audit trail yet";
  ASSERT_THAT(append(*store, {record_of("n", 1, 5), record_of("n", 2, 6)}), is_ok());
  EXPECT_THAT(append(*store, {record_of("n", 2, 7), record_of("n", 3, 7)}), is_error(ErrorCode::conflict));
  EXPECT_THAT(sequences(run(store->audit->chain(NodeId("n"), 0, 10)).value()), ElementsAre(1, 2));
  EXPECT_THAT(append(*store, {record_of("other", 2, 7)}), is_ok()) << "another node has a chain of its own";
}

TEST_P(StoreContract, the_heads_are_the_last_records_of_each_chain) {
  if (store->audit == nullptr) GTEST_SKIP() << "this store keeps no audit trail yet";
  EXPECT_THAT(run(store->audit->heads()).value(), IsEmpty());
  ASSERT_THAT(append(*store, {record_of("n", 1, 5), record_of("n", 2, 6)}), is_ok());
  ASSERT_THAT(append(*store, {record_of("m", 1, 4)}), is_ok());
  const auto heads = run(store->audit->heads()).value();
  ASSERT_EQ(heads.size(), 2U);
  EXPECT_EQ(heads[0].node, NodeId("m"));
  EXPECT_EQ(heads[1].sequence, 2U);
  EXPECT_EQ(heads[1].mac, to_bytes("mac 2"));
}

TEST_P(StoreContract, pruning_removes_the_oldest_records_of_one_chain) {
  if (store->audit == nullptr) GTEST_SKIP() << "this store keeps no audit trail yet";
  ASSERT_THAT(append(*store, {record_of("n", 1, 5), record_of("n", 2, 6), record_of("n", 3, 7)}), is_ok());
  ASSERT_THAT(append(*store, {record_of("m", 1, 4)}), is_ok());
  ASSERT_THAT(run(store->audit->prune(NodeId("n"), 2)), is_ok());
  EXPECT_THAT(sequences(run(store->audit->chain(NodeId("n"), 0, 10)).value()), ElementsAre(3));
  EXPECT_THAT(sequences(run(store->audit->chain(NodeId("m"), 0, 10)).value()), ElementsAre(1));
}

TEST_P(StoreContract, the_audit_list_pages_from_the_newest_and_filters) {
  if (store->audit == nullptr) GTEST_SKIP() << "this store keeps no audit trail yet";
  for (std::uint64_t i = 1; i <= 5; ++i) {
    ASSERT_THAT(append(*store, {record_of("n", i, static_cast<std::int64_t>(i / 2))}), is_ok());
  }
  ASSERT_THAT(append(*store, {record_of("n", 6, 9, "caller.added")}), is_ok());
  AuditQuery query;
  query.limit = 4;
  const auto first = run(store->audit->find_audit(query)).value();
  EXPECT_THAT(sequences(first.records), ElementsAre(6, 5, 4, 3));
  query.cursor = first.next_cursor;
  const auto second = run(store->audit->find_audit(query)).value();
  EXPECT_THAT(sequences(second.records), ElementsAre(2, 1));
  EXPECT_EQ(second.next_cursor, "");

  AuditQuery narrow;
  narrow.since = at(2);
  narrow.action = "grant.refreshed";
  narrow.app = kApp;
  for (const char* subject : {"", "g1", "alice", "backend", "caller-1"}) {
    narrow.subject = subject;
    EXPECT_THAT(sequences(run(store->audit->find_audit(narrow)).value().records), ElementsAre(5, 4)) << subject;
  }
  narrow.subject = "bob";
  EXPECT_THAT(run(store->audit->find_audit(narrow)).value().records, IsEmpty());
  narrow.subject = "";
  narrow.app = AppId("another");
  EXPECT_THAT(run(store->audit->find_audit(narrow)).value().records, IsEmpty());
}

TEST_P(StoreContract, a_cursor_that_is_none_is_refused) {
  if (store->audit == nullptr) GTEST_SKIP() << "this store keeps no audit trail yet";
  AuditQuery query;
  query.cursor = "nonsense";
  EXPECT_THAT(run(store->audit->find_audit(query)), is_error(ErrorCode::invalid_argument));
}

}  // namespace
}  // namespace keyfob::contract
