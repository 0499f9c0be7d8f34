#pragma once
// Tally: how often each caller used or was given a token of each grant, and how often it was refused, per minute. What
// the gateway pays per request instead of a write.

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "audit/counts_file.hpp"
#include "base/time.hpp"

namespace keyfob::audit {

struct TallyCount {
  TallyKind kind = TallyKind::used;
  std::string actor;
  std::string app;
  std::string object;
  WallTime minute{};  ///< its beginning
  std::uint64_t count = 0;
  bool journalled = false;  ///< to be release()d, in the order in which they were taken
};

/// Any thread. Counting neither allocates nor waits for anything but another thread in the same one of 64 shards; a
/// shard that is full moves its counts aside at once. With a file that holds for a killed
/// process, too; without one, while the process lives.
class Tally {
 public:
  /// Null: memory alone.
  explicit Tally(std::unique_ptr<CountsFile> file = nullptr);

  /// What the counts from now on belong to.
  void set_minute(WallTime now);
  void count(const TallyKey& key) noexcept;
  /// Whether mark() was called for this key in this minute. A mark may get lost, of which there are at most kMarks.
  [[nodiscard]] bool is_marked(const TallyKey& key) const noexcept;
  void mark(const TallyKey& key) noexcept;
  /// How far a look through all counts has come.
  struct Sweep {
    std::size_t shard = 0;
  };
  /// Takes out counts of minutes that are over, or of any. Fewer than `most`: there are no more.
  [[nodiscard]] std::vector<TallyCount> take(bool all, Sweep& sweep, std::size_t most);

  /// How many could not be kept, since kMostAside of them waited for a store that took none.
  [[nodiscard]] std::uint64_t take_dropped();

  /// What the process before this one left: to be written, except what is in the chain already, in records after
  /// `durable`. All of it is journalled.
  [[nodiscard]] std::vector<TallyCount> left_over() const;
  [[nodiscard]] std::uint64_t left_over_durable() const { return file_ == nullptr ? 0 : file_->left_over().durable; }
  [[nodiscard]] std::uint64_t left_over_unreadable() const {
    return file_ == nullptr ? 0 : file_->left_over().unreadable;
  }
  /// So many journalled counts, the first ones taken, are in the store, which reaches up to `sequence`.
  void release(std::size_t counts, std::uint64_t sequence);

 private:
  static constexpr std::size_t kShards = 64;
  static constexpr std::size_t kSlotsInMemory = kShards * 2 * 128;
  static constexpr std::size_t kMarks = 4096;
  static constexpr std::size_t kMostAside = 1'000'000;
  /// The counts of one minute; the next one has the other table, so that a table is only ever cleared as a whole.
  struct Table {
    std::span<TallySlot> slots{};        ///< taken one after the other, so that memory is touched as it is needed
    std::vector<std::uint16_t> index{};  ///< by hash: 1 + which slot, 0: none
    std::size_t used = 0;                ///< slots
    std::int64_t oldest = 0;             ///< minute of those
  };
  struct alignas(64) Shard {
    std::mutex mutex;
    std::array<Table, 2> tables{};
  };

  void share_out(std::span<TallySlot> slots);
  [[nodiscard]] Shard& shard_of(std::uint64_t hash) { return (*shards_)[(hash >> 48U) % kShards]; }
  [[nodiscard]] TallySlot& slot_of(Shard& shard, std::uint64_t hash, const TallyKey& key, std::int64_t minute);
  void move_aside(Table& table);
  void move_aside(std::span<const TallySlot> counted);
  [[nodiscard]] std::size_t waiting();

  std::atomic<std::int64_t> minute_ = 0;
  std::atomic<std::uint64_t> serial_ = 1;
  /// Hashes with the minute in them, each in one of 8 places; read by every request, so without a lock.
  std::array<std::atomic<std::uint64_t>, kMarks> marks_{};
  std::unique_ptr<CountsFile> file_;
  std::vector<TallySlot> memory_;  // instead of a file
  std::unique_ptr<std::array<Shard, kShards>> shards_;

  struct Aside {
    TallySlot slot;
    bool journalled = false;
  };
  std::mutex aside_mutex_;    // after a shard's; guards the journal, too
  std::vector<Aside> aside_;  // in the order of the journal
  std::size_t taken_ = 0;     // of aside_, from its beginning
  std::uint64_t dropped_ = 0;
};

}  // namespace keyfob::audit
