#include "crypto/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>
#include <thread>
#include <vector>

namespace keyfob::crypto {
namespace {

using Drawn = std::array<std::uint8_t, 24>;

Drawn draw(RandomStock& stock) {
  Drawn drawn{};
  stock.fill(drawn);
  return drawn;
}

TEST(RandomStock, gives_nothing_twice_from_whatever_thread) {
  RandomStock stock;
  std::array<std::vector<Drawn>, 4> drawn;
  {
    std::vector<std::jthread> threads;
    for (auto& mine : drawn) {
      threads.emplace_back([&] {
        for (int i = 0; i < 1000; ++i) mine.push_back(draw(stock));
      });
    }
  }
  std::set<Drawn> all;
  for (const auto& mine : drawn) all.insert(mine.begin(), mine.end());
  EXPECT_EQ(all.size(), 4000U);
}

TEST(RandomStock, fills_every_size_wholly) {
  RandomStock stock;
  for (const std::size_t size : {0U, 1U, 63U, 64U, 65U, 4096U, 10'000U}) {
    std::vector<std::uint8_t> ever_set(size);
    for (int i = 0; i < 12; ++i) {
      std::vector<std::uint8_t> bytes(size);
      stock.fill(bytes);
      for (std::size_t k = 0; k < size; ++k) ever_set[k] |= bytes[k];
    }
    EXPECT_EQ(std::ranges::count(ever_set, 0), 0) << size;
  }
}

TEST(RandomStock, of_another_is_something_else) {
  RandomStock one;
  RandomStock other;
  EXPECT_NE(draw(one), draw(other));
}

}  // namespace
}  // namespace keyfob::crypto
