#pragma once
// IdempotencyMemory: remembers the answers to creating requests by their Idempotency-Key, so that a caller that did not
// get the answer can ask again without creating twice. In memory, bounded, gone with the process.

#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>

#include "base/time.hpp"
#include "http/message.hpp"

namespace keyfob::api {

/// Not thread-safe. Answers that fall out are wiped: they may hold an API key.
class IdempotencyMemory {
 public:
  explicit IdempotencyMemory(std::size_t capacity = 1000, Milliseconds lifetime = hours(1))
      : capacity_(capacity), lifetime_(lifetime) {}
  IdempotencyMemory(const IdempotencyMemory&) = delete;
  IdempotencyMemory& operator=(const IdempotencyMemory&) = delete;
  ~IdempotencyMemory();

  struct Proceed {};  ///< unknown: do it, then say finish or forget
  struct Running {};  ///< the first request is still under way
  struct Differs {};  ///< the key was used for another request
  using Verdict = std::variant<Proceed, Running, Differs, http::Response>;

  /// `key` says whose and which; `content` is a hash of the whole request.
  [[nodiscard]] Verdict begin(std::string_view key, std::size_t content, BootTime now);
  void finish(std::string_view key, http::Response response);
  void forget(std::string_view key);
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::string key;
    std::size_t content = 0;
    BootTime begun{};
    bool finished = false;
    http::Response response{};
  };
  using Position = std::list<Entry>::iterator;
  void drop(Position entry);
  void drop_old(BootTime now);

  std::size_t capacity_;
  Milliseconds lifetime_;
  std::list<Entry> entries_;  // oldest first
  std::unordered_map<std::string_view, Position> by_key_;
};

}  // namespace keyfob::api
