#include "audit/tally.hpp"

#include <algorithm>
#include <utility>

namespace keyfob::audit {
namespace {

constexpr std::int64_t kMinute = 60'000;
constexpr std::size_t kMarkPlaces = 8;

TallyCount count_of(const TallySlot& slot, bool journalled) {
  const TallyKey key = slot.key();
  TallyCount count{key.kind,  std::string(key.actor), std::string(key.app), std::string(key.object), {}, slot.count,
                   journalled};
  count.minute = from_unix_ms(slot.minute);
  return count;
}

/// Whoever reads the file of a killed process sees the hash only with all that belongs to it.
void publish(TallySlot& slot, std::uint64_t hash) { std::atomic_ref(slot.hash).store(hash, std::memory_order_release); }

void clear(TallySlot& slot) {
  publish(slot, 0);
  slot.count = 0;
}

}  // namespace

Tally::Tally(std::unique_ptr<CountsFile> file)
    : file_(std::move(file)),
      memory_(file_ == nullptr ? kSlotsInMemory : 0),
      shards_(std::make_unique<std::array<Shard, kShards>>()) {
  share_out(file_ == nullptr ? std::span(memory_) : file_->slots());
}

void Tally::share_out(std::span<TallySlot> slots) {
  aside_.reserve(slots.size() / 2);
  const std::size_t each = slots.size() / (kShards * 2);
  for (Shard& shard : *shards_) {
    for (Table& table : shard.tables) {
      table.slots = slots.first(each);
      table.index.resize(each * 2);
      slots = slots.subspan(each);
    }
  }
}

void Tally::set_minute(WallTime now) {
  const std::int64_t ms = to_unix_ms(now);
  const std::int64_t minute = ms - ms % kMinute;
  if (minute_.exchange(minute, std::memory_order_relaxed) == minute) return;
  for (auto& mark : marks_) mark.store(0, std::memory_order_relaxed);
}

/// Journal first, then clear: whoever reads both tells a count that is in both by its serial.
void Tally::move_aside(Table& table) {
  const auto counted = table.slots.first(table.used);
  move_aside(counted);
  std::ranges::for_each(counted, clear);
  std::ranges::fill(table.index, std::uint16_t{0});
  table.used = 0;
}

void Tally::move_aside(std::span<const TallySlot> counted) {
  if (counted.empty()) return;
  const std::scoped_lock lock(aside_mutex_);
  if (aside_.size() + counted.size() > kMostAside) {
    for (const TallySlot& slot : counted) dropped_ += slot.count;
    return;
  }
  const bool journalled = file_ != nullptr && file_->append(counted);
  for (const TallySlot& slot : counted) aside_.push_back({slot, journalled});
}

TallySlot& Tally::slot_of(Shard& shard, std::uint64_t hash, const TallyKey& key, std::int64_t minute) {
  Table& table = shard.tables[static_cast<std::size_t>(minute / kMinute) % 2];
  const std::size_t first = (hash >> 8U) % table.index.size();
  std::size_t at = first;
  for (; table.index[at] != 0; at = (at + 1) % table.index.size()) {
    TallySlot& present = table.slots[table.index[at] - 1U];
    if (present.is_for(hash, key, minute)) return present;
  }
  if (table.used == table.slots.size()) {
    move_aside(table);
    at = first;
  }
  table.oldest = table.used == 0 ? minute : std::min(table.oldest, minute);
  TallySlot& slot = table.slots[table.used];
  table.index[at] = static_cast<std::uint16_t>(++table.used);
  slot.count = 0;
  slot.serial = serial_.fetch_add(1, std::memory_order_relaxed);
  slot.take(key, minute);
  publish(slot, hash);
  return slot;
}

void Tally::count(const TallyKey& key) noexcept {
  const std::int64_t minute = minute_.load(std::memory_order_relaxed);
  const std::uint64_t hash = TallySlot::hash_of(key, minute);
  Shard& shard = shard_of(hash);
  const std::scoped_lock lock(shard.mutex);
  ++slot_of(shard, hash, key, minute).count;
}

bool Tally::is_marked(const TallyKey& key) const noexcept {
  const std::uint64_t hash = TallySlot::hash_of(key, minute_.load(std::memory_order_relaxed));
  for (std::size_t i = 0; i < kMarkPlaces; ++i) {
    if (marks_[(hash + i) % kMarks].load(std::memory_order_acquire) == hash) return true;
  }
  return false;
}

/// Where all places are taken, an older mark gives way.
void Tally::mark(const TallyKey& key) noexcept {
  const std::uint64_t hash = TallySlot::hash_of(key, minute_.load(std::memory_order_relaxed));
  for (std::size_t i = 0; i < kMarkPlaces; ++i) {
    std::uint64_t none = 0;
    if (marks_[(hash + i) % kMarks].compare_exchange_strong(none, hash, std::memory_order_release)) return;
  }
  marks_[hash % kMarks].store(hash, std::memory_order_release);
}

std::size_t Tally::waiting() {
  const std::scoped_lock lock(aside_mutex_);
  return aside_.size() - taken_;
}

std::vector<TallyCount> Tally::take(bool all, Sweep& sweep, std::size_t most) {
  const std::int64_t minute = minute_.load(std::memory_order_relaxed);
  for (; sweep.shard < kShards && waiting() < most; ++sweep.shard) {
    Shard& shard = (*shards_)[sweep.shard];
    const std::scoped_lock lock(shard.mutex);
    for (Table& table : shard.tables) {
      if (table.used != 0 && (all || table.oldest < minute)) move_aside(table);
    }
  }
  const std::scoped_lock lock(aside_mutex_);
  const std::size_t size = std::min(most, aside_.size() - taken_);
  std::vector<TallyCount> counts;
  counts.reserve(size);
  for (const auto& [slot, journalled] : std::span(aside_).subspan(taken_, size))
    counts.push_back(count_of(slot, journalled));
  taken_ += counts.size();
  if (taken_ == aside_.size()) {
    aside_.clear();
    taken_ = 0;
  }
  return counts;
}

std::uint64_t Tally::take_dropped() {
  const std::scoped_lock lock(aside_mutex_);
  return std::exchange(dropped_, 0);
}

std::vector<TallyCount> Tally::left_over() const {
  std::vector<TallyCount> counts;
  if (file_ == nullptr) return counts;
  for (const TallySlot& slot : file_->left_over().counts) counts.push_back(count_of(slot, true));
  return counts;
}

void Tally::release(std::size_t counts, std::uint64_t sequence) {
  if (file_ == nullptr) return;
  const std::scoped_lock lock(aside_mutex_);
  if (counts != 0) file_->release(counts);
  file_->set_durable(sequence);
}

}  // namespace keyfob::audit
