#include "testing/fakes.hpp"

#include <algorithm>

namespace keyfob::testing {

Result<SpoolSlot> MemorySpool::reserve() {
  for (SpoolSlot slot = 0; slot < slots_; ++slot) {
    if (reserved_.contains(slot) || kept_.contains(slot)) continue;
    reserved_.insert(slot);
    return slot;
  }
  return fail(ErrorCode::limit, "every spool slot is taken");
}

Task<Result<void>> MemorySpool::keep(SpoolSlot slot, KeptPair pair) {
  if (broken) co_return fail(ErrorCode::unavailable, "the spool cannot be written");
  kept_[slot] = std::move(pair);
  co_return Result<void>();
}

Task<void> MemorySpool::release(SpoolSlot slot) {
  reserved_.erase(slot);
  kept_.erase(slot);
  co_return;
}

std::vector<SpooledPair> MemorySpool::entries() const {
  std::vector<SpooledPair> out;
  for (const auto& [slot, pair] : kept_) out.push_back({slot, pair});
  std::ranges::stable_sort(out, {}, [](const SpooledPair& s) { return s.pair.received_at; });
  return out;
}

Task<Result<Bytes>> FakeMasterKey::wrap(Secret key, Bytes context) {
  if (while_wrapping) co_await while_wrapping();
  Bytes out = to_bytes(name_ + "|");
  out.insert(out.end(), context.begin(), context.end());
  const ByteView raw = as_bytes(reveal_secret(key));
  out.insert(out.end(), raw.begin(), raw.end());
  co_return out;
}

Task<Result<Secret>> FakeMasterKey::unwrap(Bytes wrapped, Bytes context) {
  Bytes prefix = to_bytes(name_ + "|");
  prefix.insert(prefix.end(), context.begin(), context.end());
  const bool ours =
      wrapped.size() > prefix.size() && std::ranges::equal(prefix, std::span(wrapped).first(prefix.size()));
  if (!ours) co_return fail(ErrorCode::damaged, "not wrapped by this key");
  co_return Secret(as_text(std::span(wrapped).subspan(prefix.size())));
}

std::size_t RecordingEvents::count(std::string_view name) const {
  return static_cast<std::size_t>(std::ranges::count(events, name, &Event::name));
}

}  // namespace keyfob::testing
