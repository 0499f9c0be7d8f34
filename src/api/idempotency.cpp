#include "api/idempotency.hpp"

#include <utility>

#include "base/bytes.hpp"

namespace keyfob::api {

IdempotencyMemory::~IdempotencyMemory() {
  while (!entries_.empty()) drop(entries_.begin());
}

IdempotencyMemory::Verdict IdempotencyMemory::begin(std::string_view key, std::size_t content, BootTime now) {
  drop_old(now);
  const auto known = by_key_.find(key);
  if (known == by_key_.end()) {
    while (entries_.size() >= capacity_) drop(entries_.begin());
    const Position entry =
        entries_.insert(entries_.end(), Entry{.key = std::string(key), .content = content, .begun = now});
    by_key_.emplace(entry->key, entry);
    return Proceed{};
  }
  const Entry& entry = *known->second;
  if (entry.content != content) return Differs{};
  if (!entry.finished) return Running{};
  return entry.response;
}

void IdempotencyMemory::finish(std::string_view key, http::Response response) {
  const auto known = by_key_.find(key);
  if (known == by_key_.end()) return;
  known->second->response = std::move(response);
  known->second->finished = true;
}

void IdempotencyMemory::forget(std::string_view key) {
  const auto known = by_key_.find(key);
  if (known != by_key_.end()) drop(known->second);
}

void IdempotencyMemory::drop(Position entry) {
  wipe(entry->response.body.data(), entry->response.body.size());
  by_key_.erase(entry->key);
  entries_.erase(entry);
}

void IdempotencyMemory::drop_old(BootTime now) {
  while (!entries_.empty() && entries_.front().begun + lifetime_ <= now) drop(entries_.begin());
}

}  // namespace keyfob::api
