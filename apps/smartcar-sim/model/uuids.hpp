#pragma once
// Where the simulator's opaque names come from: a seeded source, so that a run with the same seed hands out the same
// tokens. Not secret, not for anything but a simulator.

#include <cstdint>
#include <random>
#include <string>
#include <string_view>

namespace keyfob::sim {

/// Not thread-safe.
class Uuids {
 public:
  explicit Uuids(std::uint64_t seed) : random_(seed) {}
  /// RFC 9562 version 4, 36 characters, lower case.
  [[nodiscard]] std::string next();
  [[nodiscard]] std::uint64_t number() { return random_(); }

 private:
  std::mt19937_64 random_;
};

[[nodiscard]] bool looks_like_uuid(std::string_view text);

}  // namespace keyfob::sim
