#include "audit/tally.hpp"

#include <algorithm>
#include <cstring>
#include <functional>

namespace keyfob::audit {
namespace {

constexpr std::int64_t kMinute = 60'000;

/// The key's names as far as a slot has room for them.
struct Names {
  std::string_view actor, app, object;
};
template <std::size_t Room>
Names fitted(const TallyKey& key) {
  Names names;
  names.actor = key.actor.substr(0, Room / 2);
  names.app = key.app.substr(0, Room / 4);
  names.object = key.object.substr(0, Room - names.actor.size() - names.app.size());
  return names;
}

}  // namespace

Tally::Tally() : shards_(std::make_unique<std::array<Shard, kShards>>()) {
  for (Shard& shard : *shards_) shard.aside.reserve(kSlots);
}

void Tally::set_minute(WallTime now) {
  const std::int64_t ms = to_unix_ms(now);
  minute_.store(ms - ms % kMinute, std::memory_order_relaxed);
}

std::uint64_t Tally::hash_of(const TallyKey& key, std::int64_t minute) const {
  const std::hash<std::string_view> hash;
  std::uint64_t h = hash(key.actor) * 0x9E3779B97F4A7C15ULL;
  h = (h ^ hash(key.object)) * 0xC2B2AE3D27D4EB4FULL;
  h ^= hash(key.app) + static_cast<std::uint64_t>(minute) * 31 + static_cast<std::uint64_t>(key.kind);
  return (h ^ (h >> 29U)) | 1U;
}

bool Tally::matches(const Slot& slot, std::uint64_t hash, const TallyKey& key, std::int64_t minute) {
  if (slot.hash != hash || slot.kind != key.kind || slot.minute != minute) return false;
  const Names names = fitted<kText>(key);
  const std::string_view text(slot.text.data(), std::size_t{slot.actor} + slot.app + slot.object);
  return text.substr(0, slot.actor) == names.actor && text.substr(slot.actor, slot.app) == names.app &&
         text.substr(std::size_t{slot.actor} + slot.app) == names.object;
}

void Tally::move_aside(Shard& shard, const Slot& slot) {
  if (slot.hash == 0 || slot.count == 0) return;
  const char* text = slot.text.data();
  shard.aside.push_back({slot.kind, std::string(text, slot.actor), std::string(text + slot.actor, slot.app),
                         std::string(text + slot.actor + slot.app, slot.object), from_unix_ms(slot.minute),
                         slot.count});
}

void Tally::make_room(Shard& shard) {
  for (Slot& slot : shard.slots) {
    move_aside(shard, slot);
    slot.hash = 0;
  }
  shard.used = 0;
}

void Tally::take_past(Shard& shard, std::int64_t minute) {
  std::vector<Slot> present;
  for (Slot& slot : shard.slots) {
    if (slot.hash != 0 && slot.minute >= minute) {
      present.push_back(slot);
    } else {
      move_aside(shard, slot);
    }
    slot.hash = 0;
  }
  for (const Slot& slot : present) {
    std::size_t at = (slot.hash >> 8U) % kSlots;
    while (shard.slots[at].hash != 0) at = (at + 1) % kSlots;
    shard.slots[at] = slot;
  }
  shard.used = present.size();
}

Tally::Slot& Tally::slot_of(Shard& shard, std::uint64_t hash, const TallyKey& key) {
  const std::int64_t minute = minute_.load(std::memory_order_relaxed);
  const auto look = [&]() -> Slot& {
    std::size_t at = (hash >> 8U) % kSlots;
    while (shard.slots[at].hash != 0 && !matches(shard.slots[at], hash, key, minute)) at = (at + 1) % kSlots;
    return shard.slots[at];
  };
  Slot* slot = &look();
  if (slot->hash != 0) return *slot;
  if (shard.used >= kSlots * 3 / 4) {
    make_room(shard);
    slot = &look();
  }
  const Names names = fitted<kText>(key);
  slot->hash = hash;
  slot->count = 0;
  slot->minute = minute;
  slot->kind = key.kind;
  slot->recorded = false;
  slot->actor = static_cast<std::uint8_t>(names.actor.size());
  slot->app = static_cast<std::uint8_t>(names.app.size());
  slot->object = static_cast<std::uint8_t>(names.object.size());
  char* out = slot->text.data();
  for (const std::string_view name : {names.actor, names.app, names.object}) {
    if (!name.empty()) std::memcpy(out, name.data(), name.size());
    out += name.size();
  }
  ++shard.used;
  return *slot;
}

void Tally::count(const TallyKey& key) noexcept {
  const std::uint64_t hash = hash_of(key, minute_.load(std::memory_order_relaxed));
  Shard& shard = (*shards_)[(hash >> 48U) % kShards];
  const std::scoped_lock lock(shard.mutex);
  ++slot_of(shard, hash, key).count;
}

bool Tally::count_recorded(const TallyKey& key) noexcept {
  const std::uint64_t hash = hash_of(key, minute_.load(std::memory_order_relaxed));
  Shard& shard = (*shards_)[(hash >> 48U) % kShards];
  const std::scoped_lock lock(shard.mutex);
  Slot& slot = slot_of(shard, hash, key);
  if (slot.recorded) ++slot.count;
  return slot.recorded;
}

void Tally::mark_recorded(const TallyKey& key) {
  const std::uint64_t hash = hash_of(key, minute_.load(std::memory_order_relaxed));
  Shard& shard = (*shards_)[(hash >> 48U) % kShards];
  const std::scoped_lock lock(shard.mutex);
  slot_of(shard, hash, key).recorded = true;
}

std::vector<TallyCount> Tally::take(bool all) {
  const std::int64_t minute = minute_.load(std::memory_order_relaxed);
  std::vector<TallyCount> taken;
  for (Shard& shard : *shards_) {
    const std::scoped_lock lock(shard.mutex);
    if (all) {
      make_room(shard);
    } else if (shard.used != 0) {
      take_past(shard, minute);
    }
    std::ranges::move(shard.aside, std::back_inserter(taken));
    shard.aside.clear();
  }
  return taken;
}

}  // namespace keyfob::audit
