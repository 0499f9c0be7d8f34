#include "http/byte_scan.hpp"

#include <gtest/gtest.h>

#include <string>

namespace keyfob::http {
namespace {

bool must_be_escaped(char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20; }

TEST(ByteScan, finds_each_byte_that_json_escapes_wherever_it_stands) {
  for (std::size_t size = 0; size < 40; ++size) {
    const std::string plain(size, 'a');
    EXPECT_EQ(find_escaped(plain.data(), plain.data() + size), plain.data() + size);
    for (std::size_t at = 0; at < size; ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string text = plain;
        text[at] = static_cast<char>(byte);
        const std::size_t expected = must_be_escaped(text[at]) ? at : size;
        ASSERT_EQ(find_escaped(text.data(), text.data() + size), text.data() + expected) << size << ' ' << byte;
      }
    }
  }
}

}  // namespace
}  // namespace keyfob::http
