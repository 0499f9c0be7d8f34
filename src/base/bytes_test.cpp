#include "base/bytes.hpp"

#include <gtest/gtest.h>

namespace keyfob {
namespace {

TEST(EqualConstantTimeTest, SeesEveryByteOfEveryLength) {
  for (std::size_t size = 0; size < 40; ++size) {
    const Bytes text(size, 0x5a);
    EXPECT_TRUE(equal_constant_time(text, text)) << size;
    for (std::size_t at = 0; at < size; ++at) {
      Bytes other = text;
      other[at] ^= 0x80U;
      EXPECT_FALSE(equal_constant_time(text, other)) << size << ' ' << at;
    }
  }
}

TEST(EqualConstantTimeTest, ALongerTextIsAnotherEvenWhenOnlyZerosFollow) {
  for (std::size_t size = 0; size < 20; ++size) {
    const Bytes text(size, 1);
    Bytes longer = text;
    longer.resize(size + 1 + size % 9);
    EXPECT_FALSE(equal_constant_time(text, longer)) << size;
    EXPECT_FALSE(equal_constant_time(longer, text)) << size;
  }
}

}  // namespace
}  // namespace keyfob
