#include "stores.hpp"

#include <unistd.h>

#include "postgres_fixture.hpp"
#include "rows_in_memory.hpp"
#include "store/memory/memory_store.hpp"
#include "store/sqlite/mirroring.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace keyfob::contract {
namespace {

class MemoryUnderTest final : public StoreUnderTest {
 public:
  MemoryUnderTest() { use(store_); }
  void advance(Milliseconds d) override { clock_.advance(d); }

 private:
  ManualClock clock_;
  MemoryStore store_{clock_};
};

class SqliteUnderTest final : public StoreUnderTest {
 public:
  SqliteUnderTest() {
    SqliteOptions options;
    options.create = true;
    options.clock = &clock_;
    store_ = SqliteStore::open(folder_.file("keyfob.db"), options).value();
    use(*store_);
  }
  void advance(Milliseconds d) override { clock_.advance(d); }

 private:
  TempFolder folder_;
  ManualClock clock_;
  std::unique_ptr<SqliteStore> store_;
};

/// A working copy of rows that are somebody else's. When a test is over, they are what the copy has, and another copy
/// made of them is the same again.
class MirroredUnderTest final : public StoreUnderTest {
 public:
  MirroredUnderTest() {
    open("rows.db");
    use(*store_);
  }
  ~MirroredUnderTest() override {
    EXPECT_EQ(rows_in("rows.db"), rows_.rows.rows);
    open("again.db");
    EXPECT_EQ(rows_in("again.db"), rows_.rows.rows);
  }
  void advance(Milliseconds d) override { clock_.advance(d); }

 private:
  void open(const std::string& name) {
    SqliteOptions options;
    options.clock = &clock_;
    options.mirror = &rows_;
    store_ = SqliteStore::open(folder_.file(name), options).value();
  }
  std::map<std::string, std::string> rows_in(const std::string& name) {
    store_.reset();
    auto connection = sqlite::Connection::open(folder_.file(name), {}).value();
    return sqlite::rows_of(*connection).value();
  }

  TempFolder folder_;
  ManualClock clock_;
  RowsInMemory rows_;
  std::unique_ptr<SqliteStore> store_;
};

class PostgresUnderTest final : public StoreUnderTest {
 public:
  enum class Way : std::uint8_t { direct, through_a_pooler };

  explicit PostgresUnderTest(Way way) {
    schema_.empty();
    PostgresOptions options;
    options.create = true;
    options.own_backend = way == Way::direct;
    options.listen_url = schema_.url();
    store_ = PostgresStore::open(options.own_backend ? schema_.url() : pooler_url(), options).value();
    use(*store_);
  }
  void advance(Milliseconds d) override { schema_.advance(d); }

 private:
  static PostgresSchema& shared_schema() {
    static PostgresSchema schema;
    return schema;
  }
  const std::string& pooler_url() const {
    static const std::string url = shared_postgres().pooler(schema_.name());
    return url;
  }

  PostgresSchema& schema_ = shared_schema();
  std::unique_ptr<PostgresStore> store_;
};

GrantRecord a_grant(const std::string& id, const std::string& user) {
  GrantRecord record;
  record.grant.app = kApp;
  record.grant.id = GrantId(id);
  record.grant.user = UserId(user);
  record.grant.provider_user = ProviderUserId("account-of-" + user);
  record.grant.scope = "read_odometer";
  record.grant.version = {Generation(1), Epoch(1)};
  record.grant.access_expires_at = at(7200);
  record.grant.refresh_expires_at = at(5'184'000);
  record.grant.created_at = at(0);
  record.grant.updated_at = at(0);
  record.grant.due_at = at(100);
  record.grant.renew_by = at(200);
  record.sealed = {to_bytes("access of " + id), to_bytes("refresh of " + id)};
  record.association_mac = to_bytes("mac of " + id);
  return record;
}

}  // namespace

TempFolder::TempFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "keyfob-contract-XXXXXX").string();
  path_ = ::mkdtemp(name.data());
}
TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::vector<StoreFactory> store_factories() {
  return {{"memory", [] { return std::make_unique<MemoryUnderTest>(); }},
          {"sqlite", [] { return std::make_unique<SqliteUnderTest>(); }},
          {"sqlite_of_mirrored_rows", [] { return std::make_unique<MirroredUnderTest>(); }},
          {"postgres", [] { return std::make_unique<PostgresUnderTest>(PostgresUnderTest::Way::direct); }},
          {"postgres_behind_pgbouncer",
           [] { return std::make_unique<PostgresUnderTest>(PostgresUnderTest::Way::through_a_pooler); }}};
}

GrantRecord account_grant(const std::string& id, const std::string& user) {
  GrantRecord record = a_grant(id, user);
  record.grant.vehicles = {VehicleId(id + "-v1"), VehicleId(id + "-v2")};
  return record;
}

GrantRecord vehicle_grant(const std::string& id, const std::string& user, const std::string& vehicle) {
  GrantRecord record = a_grant(id, user);
  record.grant.vehicles = {VehicleId(vehicle)};
  record.grant.single_select = true;
  return record;
}

BeginRequest begin_request(const GrantRecord& record, const NodeIdentity& node, const char* attempt) {
  BeginRequest request;
  request.ref = {record.grant.app, record.grant.id};
  request.at = record.grant.version;
  request.attempt = AttemptId(attempt);
  request.node = node;
  request.lease = kLease;
  return request;
}

KeptPair pair_for(const GrantRecord& record, const char* bytes) {
  KeptPair pair;
  pair.app = record.grant.app;
  pair.grant = record.grant.id;
  pair.at = record.grant.version;
  pair.sealed = {to_bytes(std::string("access ") + bytes), to_bytes(std::string("refresh ") + bytes)};
  pair.access_expires_at = at(7210);
  pair.refresh_expires_at = at(5'184'010);
  pair.received_at = at(10);
  pair.data_key = DataKeyId(7);
  return pair;
}

CommitRequest commit_request(const GrantRecord& record, const char* bytes, WallTime rotated_at) {
  CommitRequest request;
  request.pair = pair_for(record, bytes);
  request.rotated_at = rotated_at;
  request.due_at = at(7000);
  request.renew_by = at(8000);
  request.node = kNodeA;
  return request;
}

void StoreContract::put(const GrantRecord& record) {
  std::vector<PutRequest> requests;
  requests.push_back({record, std::nullopt});
  const auto answers = run(store->writer->put(std::move(requests)));
  ASSERT_THAT(answers, is_ok());
  ASSERT_THAT(answers->at(0), is_ok());
}

GrantRecord StoreContract::load(const GrantRecord& record) {
  return run(store->reader->load({record.grant.app, record.grant.id})).value();
}

Result<BeginOutcome> StoreContract::begin(const GrantRecord& record, const NodeIdentity& node, const char* attempt) {
  return run(store->refresh->begin(begin_request(record, node, attempt)));
}

Result<CommitOutcome> StoreContract::commit(const GrantRecord& record, const char* bytes, WallTime rotated_at) {
  return run(store->refresh->commit(commit_request(record, bytes, rotated_at)));
}

Result<UpdateOutcome> StoreContract::update(const GrantRecord& record, GrantChange change) {
  const GrantRef ref{record.grant.app, record.grant.id};
  return run(store->refresh->update(ref, record.grant.version, std::move(change), at(20)));
}

std::vector<std::string> StoreContract::found(GrantSelector selector) {
  std::vector<std::string> ids;
  const auto records = run(store->reader->find(kApp, std::move(selector)));
  for (const auto& record : records.value()) {
    ids.push_back(record.grant.id.str());
  }
  return ids;
}

INSTANTIATE_TEST_SUITE_P(Stores, StoreContract, testing::ValuesIn(store_factories()),
                         [](const auto& store) { return store.param.name; });

}  // namespace keyfob::contract
