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
      memory_(file_ == nullptr ? CountsFile::kSlots : 0),
      shards_(std::make_unique<std::array<Shard, kShards>>()) {
  std::span<TallySlot> slots = file_ == nullptr ? std::span(memory_) : file_->slots();
  for (Shard& shard : *shards_) {
    for (Table& table : shard.tables) {
      table.slots = slots.first(kSlots);
      slots = slots.subspan(kSlots);
    }
  }
  aside_.reserve(kShards * kSlots);
}

void Tally::set_minute(WallTime now) {
  const std::int64_t ms = to_unix_ms(now);
  const std::int64_t minute = ms - ms % kMinute;
  if (minute_.exchange(minute, std::memory_order_relaxed) == minute) return;
  for (auto& mark : marks_) mark.store(0, std::memory_order_relaxed);
}

/// Journal first, then clear: whoever reads both tells a count that is in both by its serial.
void Tally::move_aside(Table& table) {
  std::array<TallySlot, kSlots> counted;
  std::size_t size = 0;
  for (const TallySlot& slot : table.slots) {
    if (slot.hash != 0 && slot.count != 0) counted[size++] = slot;
  }
  const auto moved = std::span(counted).first(size);
  if (size != 0) {
    const std::scoped_lock lock(aside_mutex_);
    const bool journalled = file_ != nullptr && file_->append(moved);
    for (const TallySlot& slot : moved) aside_.push_back({slot, journalled});
  }
  std::ranges::for_each(table.slots, clear);
  table.used = 0;
}

TallySlot& Tally::slot_of(Shard& shard, std::uint64_t hash, const TallyKey& key, std::int64_t minute) {
  Table& table = shard.tables[static_cast<std::size_t>(minute / kMinute) % 2];
  const auto look = [&]() -> TallySlot& {
    std::size_t at = (hash >> 8U) % kSlots;
    while (table.slots[at].hash != 0 && !table.slots[at].is_for(hash, key, minute)) at = (at + 1) % kSlots;
    return table.slots[at];
  };
  TallySlot* slot = &look();
  if (slot->hash != 0) return *slot;
  if (table.used >= kSlots * 3 / 4) {
    move_aside(table);
    slot = &look();
  }
  slot->count = 0;
  slot->serial = serial_.fetch_add(1, std::memory_order_relaxed);
  slot->take(key, minute);
  publish(*slot, hash);
  ++table.used;
  return *slot;
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

std::vector<TallyCount> Tally::take(bool all) {
  const std::int64_t minute = minute_.load(std::memory_order_relaxed);
  for (Shard& shard : *shards_) {
    const std::scoped_lock lock(shard.mutex);
    for (Table& table : shard.tables) {
      const auto past = [minute](const TallySlot& slot) { return slot.hash != 0 && slot.minute < minute; };
      if (table.used != 0 && (all || std::ranges::any_of(table.slots, past))) move_aside(table);
    }
  }
  const std::scoped_lock lock(aside_mutex_);
  std::vector<TallyCount> taken;
  taken.reserve(aside_.size());
  for (const Aside& aside : aside_) taken.push_back(count_of(aside.slot, aside.journalled));
  aside_.clear();
  return taken;
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
