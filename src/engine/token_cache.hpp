#pragma once
// TokenCache: grants with their *sealed* access tokens, found by vehicle, by user or by grant in memory. Read by every
// HTTP thread, written by the engine only. Sharded: no lock is shared by all threads.

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "engine/cached_grant.hpp"
#include "engine/sealer.hpp"
#include "vault/kept_token.hpp"

namespace keyfob::engine {

class TokenCache {
 public:
  /// `max_entries` bounds look-up keys (a grant has about one per way it was asked for, plus one).
  /// Both outlive it. `sealer` opens what the store gave, `kept` seals it for memory.
  TokenCache(std::size_t max_entries, const Sealer& sealer, const vault::KeptTokens& kept);

  /// Hot path; any thread. Fills `out` but for its token from the grant that this subject resolved to; nothing when it
  /// is not known. No allocation.
  struct Shown {
    GrantStatus status;
    ByteView kept_token;  ///< among the slot's texts
  };
  [[nodiscard]] std::optional<Shown> show(const AppId& app, Subject subject, TokenSlot& out) const;
  /// Puts the token into the slot that shows its grant. False: it does not open.
  [[nodiscard]] bool open_into(const Shown& shown, TokenSlot& out) const;
  [[nodiscard]] Result<AccessToken> open(const CachedGrant& grant) const { return kept_.open(grant.kept_token()); }

  /// Any thread. The grant that this subject resolved to, while it is known.
  [[nodiscard]] CachedGrantPtr find(const AppId& app, Subject subject) const;
  [[nodiscard]] CachedGrantPtr find(const GrantRef& ref) const;

  /// Engine executor. Remembers `record` for the subject it was resolved by (may be empty: by grant only) unless
  /// something newer is there.
  void put(const GrantRecord& record, Subject subject);
  /// What is remembered of this grant is replaced; nothing is added when it was not there.
  void update(const GrantRecord& record);
  void forget(const GrantRef& ref);
  /// Whatever these names resolve to is looked up anew.
  void forget_subjects(const AppId& app, const UserId& user, const std::vector<VehicleId>& vehicles);
  void clear();
  [[nodiscard]] std::size_t size() const;

 private:
  static constexpr std::size_t kShards = 64;
  struct Entry {
    std::uint64_t hash = 0;
    CachedGrantPtr grant;
  };
  struct Shard {
    mutable std::mutex mutex;
    std::vector<Entry> table;
    std::size_t used = 0;
    std::size_t hand = 0;
  };
  Shard& shard(std::uint64_t hash) { return shards_[hash >> 58U]; }
  const Shard& shard(std::uint64_t hash) const { return shards_[hash >> 58U]; }
  template <class Match, class Use>
  void look_up(std::uint64_t hash, const Match& match, const Use& use) const;
  void insert(std::uint64_t hash, CachedGrantPtr grant);
  void erase_if(std::uint64_t hash, const std::function<bool(const CachedGrant&)>& match);
  void replace(std::uint64_t hash, const CachedGrantPtr& grant);
  static void grow(Shard& shard);
  void evict_one(Shard& shard) const;
  static void erase_at(Shard& shard, std::size_t at);

  [[nodiscard]] CachedGrantPtr remember(const GrantRecord& record) const;

  std::size_t max_per_shard_;
  const Sealer& sealer_;
  const vault::KeptTokens& kept_;
  std::vector<Shard> shards_{kShards};
};

}  // namespace keyfob::engine
