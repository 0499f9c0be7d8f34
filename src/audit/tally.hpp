#pragma once
// Tally: how often each caller used or was given a token of each grant, and how often it was refused, per minute. What
// the gateway pays per request instead of a write.

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"

namespace keyfob::audit {

enum class TallyKind : std::uint8_t { used, disclosed, refused };

/// What is counted. `object` is the grant, or the code of a refusal.
struct TallyKey {
  TallyKind kind = TallyKind::used;
  std::string_view actor;
  std::string_view app;
  std::string_view object;
};

struct TallyCount {
  TallyKind kind = TallyKind::used;
  std::string actor;
  std::string app;
  std::string object;
  WallTime minute{};  ///< its beginning
  std::uint64_t count = 0;
};

/// Any thread. Counting neither allocates nor waits for anything but another thread in the same one of 64 shards; a
/// shard that is full moves its counts aside at once, so no count is ever dropped while the process lives. Names longer
/// than 128 bytes together are cut.
class Tally {
 public:
  Tally();

  /// What the counts from now on belong to.
  void set_minute(WallTime now);
  void count(const TallyKey& key) noexcept;
  /// Counts, if mark_recorded() was called for this key in this minute.
  [[nodiscard]] bool count_recorded(const TallyKey& key) noexcept;
  void mark_recorded(const TallyKey& key);
  /// Takes out the counts of minutes that are over, or all.
  [[nodiscard]] std::vector<TallyCount> take(bool all);

 private:
  static constexpr std::size_t kShards = 64;
  static constexpr std::size_t kSlots = 128;
  static constexpr std::size_t kText = 128;
  struct Slot {
    std::uint64_t hash = 0;  // 0: free
    std::uint64_t count = 0;
    std::int64_t minute = 0;
    TallyKind kind = TallyKind::used;
    bool recorded = false;
    std::uint8_t actor = 0, app = 0, object = 0;  // sizes within text
    std::array<char, kText> text{};
  };
  struct alignas(64) Shard {
    std::mutex mutex;
    std::size_t used = 0;
    std::array<Slot, kSlots> slots{};
    std::vector<TallyCount> aside{};
  };

  Slot& slot_of(Shard& shard, std::uint64_t hash, const TallyKey& key);
  static void make_room(Shard& shard);
  static void take_past(Shard& shard, std::int64_t minute);
  static void move_aside(Shard& shard, const Slot& slot);
  static bool matches(const Slot& slot, std::uint64_t hash, const TallyKey& key, std::int64_t minute);
  [[nodiscard]] std::uint64_t hash_of(const TallyKey& key, std::int64_t minute) const;

  std::atomic<std::int64_t> minute_ = 0;
  std::unique_ptr<std::array<Shard, kShards>> shards_;
};

}  // namespace keyfob::audit
