#pragma once
// The stores that the contract is checked on, and what its tests share.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "manual_clock.hpp"
#include "ports/app_token_store.hpp"
#include "ports/associations.hpp"
#include "ports/audit.hpp"
#include "ports/directory_store.hpp"
#include "ports/grant_store.hpp"
#include "ports/key_rotation.hpp"
#include "ports/outbox.hpp"
#include "run.hpp"

namespace keyfob::contract {

/// A store by its interfaces.
class StoreUnderTest {
 public:
  virtual ~StoreUnderTest() = default;
  /// Lets `d` of the store's lease clock pass.
  virtual void advance(Milliseconds d) = 0;

  GrantReader* reader = nullptr;
  RefreshStore* refresh = nullptr;
  GrantWriter* writer = nullptr;
  LatePairs* late = nullptr;
  DueStore* due = nullptr;
  HealthStore* health = nullptr;
  ChangeFeed* changes = nullptr;
  ApplicationStore* applications = nullptr;
  CallerStore* callers = nullptr;
  DataKeyStore* keys = nullptr;
  ConsentStore* consents = nullptr;
  AuditStore* audit = nullptr;
  OutboxStore* outbox = nullptr;
  ResealStore* reseal = nullptr;
  DataKeyChange* key_change = nullptr;
  DataKeyHolders* key_holders = nullptr;
  OwnerLookup* owners = nullptr;
  AssociationStore* associations = nullptr;
  AppTokenStore* app_tokens = nullptr;

 protected:
  template <class Store>
  void use(Store& store) {
    reader = &store;
    refresh = &store;
    writer = &store;
    late = &store;
    due = &store;
    health = &store;
    changes = &store;
    applications = &store;
    callers = &store;
    keys = &store;
    consents = &store;
    owners = &store;
    associations = &store;
    app_tokens = &store;
    if constexpr (std::is_base_of_v<AuditStore, Store>) audit = &store;
    if constexpr (std::is_base_of_v<OutboxStore, Store>) outbox = &store;
    if constexpr (std::is_base_of_v<ResealStore, Store>) {
      reseal = &store;
      key_change = &store;
      key_holders = &store;
    }
  }
};

struct StoreFactory {
  std::string name;
  std::function<std::unique_ptr<StoreUnderTest>()> make;
};
[[nodiscard]] std::vector<StoreFactory> store_factories();

/// A folder that goes with the test.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

// What tests talk about.
inline const AppId kApp{"app-1"};
inline const NodeIdentity kNodeA{NodeId("node-a"), Incarnation(3)};
inline const NodeIdentity kNodeB{NodeId("node-b"), Incarnation(1)};
inline constexpr Milliseconds kLease = seconds(15);
[[nodiscard]] constexpr WallTime at(std::int64_t second) { return from_unix_ms(1'700'000'000'000 + second * 1000); }

/// An account-wide grant of `user` for the vehicles "<id>-v1" and "<id>-v2"; version (1, 1); due at at(100).
[[nodiscard]] GrantRecord account_grant(const std::string& id, const std::string& user);
/// A single-select grant for one vehicle.
[[nodiscard]] GrantRecord vehicle_grant(const std::string& id, const std::string& user, const std::string& vehicle);
[[nodiscard]] BeginRequest begin_request(const GrantRecord& record, const NodeIdentity& node, const char* attempt);
/// A pair that answers the use of `at`, with bytes that name it.
[[nodiscard]] KeptPair pair_for(const GrantRecord& record, const char* bytes);
[[nodiscard]] CommitRequest commit_request(const GrantRecord& record, const char* bytes, WallTime rotated_at = at(10));

class StoreContract : public testing::TestWithParam<StoreFactory> {
 protected:
  StoreContract() : store(GetParam().make()) {}

  void put(const GrantRecord& record);
  GrantRecord load(const GrantRecord& record);
  Result<BeginOutcome> begin(const GrantRecord& record, const NodeIdentity& node, const char* attempt);
  Result<CommitOutcome> commit(const GrantRecord& record, const char* bytes, WallTime rotated_at = at(10));
  Result<UpdateOutcome> update(const GrantRecord& record, GrantChange change);
  std::vector<std::string> found(GrantSelector selector);

  std::unique_ptr<StoreUnderTest> store;
};

MATCHER(is_ok, "is a success") {
  if (arg) return true;
  *result_listener << to_string(arg.error().code) << ": " << arg.error().what;
  return false;
}
MATCHER_P(is_error, code, "is " + std::string(to_string(code))) {
  if (!arg) *result_listener << to_string(arg.error().code) << ": " << arg.error().what;
  return !arg && arg.error().code == code;
}
/// A success that holds this alternative of its variant.
MATCHER_P(holds, probe, "holds the expected outcome") {
  static_cast<void>(result_listener);
  return arg && std::holds_alternative<std::decay_t<decltype(probe)>>(*arg);
}

}  // namespace keyfob::contract
