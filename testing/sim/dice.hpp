#pragma once
// Dice: the one source of chance of a simulated run. The same seed throws the same.

#include <cstdint>

#include "base/time.hpp"

namespace keyfob::simulated {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15ULL + 0x1234567) {}

  /// SplitMix64.
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ULL);
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31U);
  }
  /// 0 to n - 1.
  std::size_t below(std::size_t n) { return n == 0 ? 0 : static_cast<std::size_t>(next() % n); }
  /// Both ends included.
  Milliseconds between(Milliseconds from, Milliseconds to) {
    return from + Milliseconds(static_cast<std::int64_t>(below(static_cast<std::size_t>((to - from).count()) + 1)));
  }
  bool chance(double p) { return static_cast<double>(next() >> 11U) * 0x1.0p-53 < p; }

 private:
  std::uint64_t state_;
};

}  // namespace keyfob::simulated
