#include "engine/token_cache.hpp"

#include <algorithm>

namespace keyfob::engine {
namespace {

constexpr std::size_t kFirstTable = 64;

/// Keys of four kinds share the table: 'v' vehicle, 'u' user, 'b' both, 'g' grant. What a vehicle alone resolves to
/// must not be answered by what vehicle and user together resolved to: there may be several users. The kind and the
/// application are part of the hash, and a hit is checked against the grant itself, so a collision can only miss.
std::uint64_t hash_of(std::string_view app, char kind, std::string_view text) {
  const std::uint64_t a = std::hash<std::string_view>{}(app);
  const std::uint64_t b = std::hash<std::string_view>{}(text);
  std::uint64_t h = a * 0x9E3779B97F4A7C15ULL + b + static_cast<std::uint64_t>(kind) * 0xC2B2AE3D27D4EB4FULL;
  h ^= h >> 29U;
  h *= 0xBF58476D1CE4E5B9ULL;
  h ^= h >> 32U;
  return h == 0 ? 1 : h;  // 0 marks a free place
}

std::uint64_t hash_of(std::string_view app, Subject subject) {
  if (subject.vehicle.empty()) return hash_of(app, 'u', subject.user);
  const std::uint64_t vehicle = hash_of(app, subject.user.empty() ? 'v' : 'b', subject.vehicle);
  if (subject.user.empty()) return vehicle;
  const std::uint64_t both = vehicle ^ (hash_of(app, 'b', subject.user) * 0x9E3779B97F4A7C15ULL);
  return both == 0 ? 1 : both;
}

/// Every key under which a grant may be remembered.
template <class Do>
void for_each_key(const CachedGrant& grant, const Do& act) {
  const std::string_view app = grant.app();
  act(hash_of(app, 'g', grant.grant()));
  act(hash_of(app, Subject{grant.user(), {}}));
  for (const std::string_view vehicle : grant.vehicles()) {
    act(hash_of(app, Subject{{}, vehicle}));
    act(hash_of(app, Subject{grant.user(), vehicle}));
  }
}

/// Whether what is known came after `record`, so that it stays.
bool is_newer(const CachedGrant& known, const GrantRecord& record) {
  const GrantVersion& version = record.grant.version;
  if (known.version().epoch != version.epoch) return known.version().epoch > version.epoch;
  return known.version().generation > version.generation;
}

/// Whether a grant is the one that this subject resolves to.
auto resolves(const AppId& app, Subject subject) {
  return [&app, subject](const CachedGrant& grant) {
    if (grant.app() != app.view()) return false;
    if (!subject.vehicle.empty() && !grant.opens(subject.vehicle)) return false;
    return subject.user.empty() || grant.user() == subject.user;
  };
}

}  // namespace

TokenCache::TokenCache(std::size_t max_entries, const Sealer& sealer, const vault::KeptTokens& kept)
    : max_per_shard_(std::max<std::size_t>(16, max_entries * 2 / kShards)), sealer_(sealer), kept_(kept) {}

std::optional<TokenCache::Shown> TokenCache::show(const AppId& app, Subject subject, TokenSlot& out) const {
  std::optional<Shown> shown;
  look_up(hash_of(app.view(), subject), resolves(app, subject), [&](const CachedGrantPtr& grant) {
    grant->show(out);
    shown = {grant->status(), grant->kept_token_in(out)};
  });
  return shown;
}

bool TokenCache::open_into(const Shown& shown, TokenSlot& out) const {
  if (shown.kept_token.empty()) return false;
  const auto size = kept_.open_into(shown.kept_token, {out.token.data(), out.token.capacity()});
  out.token.resize(size.value_or(0));
  return size.has_value() && *size != 0;
}

/// A token that does not open is remembered without: whoever needs it is told why on the long way.
CachedGrantPtr TokenCache::remember(const GrantRecord& record) const {
  const Result<AccessToken> token = sealer_.access_token(record);
  return CachedGrant::of(record.grant, token ? kept_.keep(*token) : Bytes());
}

CachedGrantPtr TokenCache::find(const AppId& app, Subject subject) const {
  CachedGrantPtr found;
  look_up(hash_of(app.view(), subject), resolves(app, subject), [&](const CachedGrantPtr& grant) { found = grant; });
  return found;
}

CachedGrantPtr TokenCache::find(const GrantRef& ref) const {
  CachedGrantPtr found;
  look_up(
      hash_of(ref.app.view(), 'g', ref.grant.view()),
      [&](const CachedGrant& grant) { return grant.is(ref.app.view(), ref.grant.view()); },
      [&](const CachedGrantPtr& grant) { found = grant; });
  return found;
}

void TokenCache::put(const GrantRecord& record, Subject subject) {
  const GrantRef ref{record.grant.app, record.grant.id};
  const CachedGrantPtr known = find(ref);
  CachedGrantPtr cached = known;
  if (!known || known->version() <= record.grant.version) {
    cached = remember(record);
    if (known) update(record);
    insert(hash_of(ref.app.view(), 'g', ref.grant.view()), cached);
  }
  if (subject.vehicle.empty() && subject.user.empty()) return;
  if (subject.vehicle.empty() || cached->opens(subject.vehicle)) insert(hash_of(ref.app.view(), subject), cached);
}

void TokenCache::update(const GrantRecord& record) {
  const GrantRef ref{record.grant.app, record.grant.id};
  const CachedGrantPtr known = find(ref);
  if (!known || is_newer(*known, record)) return;
  const CachedGrantPtr cached = remember(record);
  for_each_key(*known, [&](std::uint64_t hash) { replace(hash, cached); });
}

void TokenCache::forget(const GrantRef& ref) {
  const CachedGrantPtr known = find(ref);
  if (!known) return;
  const auto it = [&](const CachedGrant& grant) { return grant.is(ref.app.view(), ref.grant.view()); };
  for_each_key(*known, [&](std::uint64_t hash) { erase_if(hash, it); });
}

void TokenCache::forget_subjects(const AppId& app, const UserId& user, const std::vector<VehicleId>& vehicles) {
  const auto any = [&](const CachedGrant& grant) { return grant.app() == app.view(); };
  erase_if(hash_of(app.view(), Subject{user.view(), {}}), any);
  for (const VehicleId& vehicle : vehicles) {
    erase_if(hash_of(app.view(), Subject{{}, vehicle.view()}), any);
    erase_if(hash_of(app.view(), Subject{user.view(), vehicle.view()}), any);
  }
}

void TokenCache::clear() {
  for (Shard& shard : shards_) {
    const std::scoped_lock lock(shard.mutex);
    shard.table.clear();
    shard.used = 0;
  }
}

std::size_t TokenCache::size() const {
  std::size_t sum = 0;
  for (const Shard& shard : shards_) {
    const std::scoped_lock lock(shard.mutex);
    sum += shard.used;
  }
  return sum;
}

// --- the table: open addressing, linear probing, backward-shift deletion

/// `use` runs under the shard's lock.
template <class Match, class Use>
void TokenCache::look_up(std::uint64_t hash, const Match& match, const Use& use) const {
  const Shard& s = shard(hash);
  const std::scoped_lock lock(s.mutex);
  if (s.table.empty()) return;
  const std::size_t mask = s.table.size() - 1;
  for (std::size_t at = hash & mask; s.table[at].hash != 0; at = (at + 1) & mask) {
    if (s.table[at].hash != hash) continue;
    s.table[at].grant->prefetch();
    if (match(*s.table[at].grant)) return use(s.table[at].grant);
  }
}

void TokenCache::insert(std::uint64_t hash, CachedGrantPtr grant) {
  Shard& s = shard(hash);
  const std::scoped_lock lock(s.mutex);
  if (s.used >= max_per_shard_) evict_one(s);
  if (s.used * 4 >= s.table.size() * 3) grow(s);
  const std::size_t mask = s.table.size() - 1;
  std::size_t at = hash & mask;
  while (s.table[at].hash != 0 && s.table[at].hash != hash) at = (at + 1) & mask;
  if (s.table[at].hash == 0) ++s.used;
  s.table[at] = {hash, std::move(grant)};
}

void TokenCache::replace(std::uint64_t hash, const CachedGrantPtr& grant) {
  Shard& s = shard(hash);
  const std::scoped_lock lock(s.mutex);
  if (s.table.empty()) return;
  const std::size_t mask = s.table.size() - 1;
  for (std::size_t at = hash & mask; s.table[at].hash != 0; at = (at + 1) & mask) {
    if (s.table[at].hash == hash && s.table[at].grant->is(grant->app(), grant->grant())) s.table[at].grant = grant;
  }
}

void TokenCache::erase_if(std::uint64_t hash, const std::function<bool(const CachedGrant&)>& match) {
  Shard& s = shard(hash);
  const std::scoped_lock lock(s.mutex);
  if (s.table.empty()) return;
  const std::size_t mask = s.table.size() - 1;
  for (std::size_t at = hash & mask; s.table[at].hash != 0; at = (at + 1) & mask) {
    if (s.table[at].hash != hash || !match(*s.table[at].grant)) continue;
    erase_at(s, at);
    return;
  }
}

void TokenCache::erase_at(Shard& shard, std::size_t at) {
  const std::size_t mask = shard.table.size() - 1;
  std::size_t hole = at;
  for (std::size_t next = (at + 1) & mask; shard.table[next].hash != 0; next = (next + 1) & mask) {
    const std::size_t home = shard.table[next].hash & mask;
    if (((next - home) & mask) >= ((next - hole) & mask)) {
      shard.table[hole] = std::move(shard.table[next]);
      hole = next;
    }
  }
  shard.table[hole] = {};
  --shard.used;
}

void TokenCache::grow(Shard& shard) {
  std::vector<Entry> old(std::max(kFirstTable, shard.table.size() * 2));
  old.swap(shard.table);
  const std::size_t mask = shard.table.size() - 1;
  for (Entry& entry : old) {
    if (entry.hash == 0) continue;
    std::size_t at = entry.hash & mask;
    while (shard.table[at].hash != 0) at = (at + 1) & mask;
    shard.table[at] = std::move(entry);
  }
}

/// A moving hand: cheap, no bookkeeping on hits. Entries that are asked for come back by themselves.
void TokenCache::evict_one(Shard& shard) const {
  const std::size_t mask = shard.table.size() - 1;
  while (shard.table[shard.hand & mask].hash == 0) ++shard.hand;
  erase_at(shard, shard.hand & mask);
  ++shard.hand;
}

}  // namespace keyfob::engine
