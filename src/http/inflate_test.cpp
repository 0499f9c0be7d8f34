#include "http/inflate.hpp"

#include <gtest/gtest.h>

namespace keyfob::http {
namespace {

constexpr std::string_view kText = R"({"type":"PERMISSION","resolution":{"type":"REAUTHENTICATE"}})";

// Made with Python's gzip and zlib.
constexpr std::string_view kGzip =
    "1f8b0800000000000203ab562aa92c4855b2520a700df2f50c0ef6f4f753d2512a4a2dcecf292dc9cccf53b2aa86a90872750c0df170f50bf1"
    "74760c7155aaad0500522903983c000000";
constexpr std::string_view kGzipWithEverything =
    "1f8b081e0000000000ff03006162636e616d6500636f6d001122ab562aa92c4855b2520a700df2f50c0ef6f4f753d2512a4a2dcecf292dc9cc"
    "cf53b2aa86a90872750c0df170f50bf174760c7155aaad0500522903983c000000";
constexpr std::string_view kZlib =
    "789cab562aa92c4855b2520a700df2f50c0ef6f4f753d2512a4a2dcecf292dc9cccf53b2aa86a90872750c0df170f50bf174760c7155aaad05"
    "0049c31316";
constexpr std::string_view kBare =
    "ab562aa92c4855b2520a700df2f50c0ef6f4f753d2512a4a2dcecf292dc9cccf53b2aa86a90872750c0df170f50bf174760c7155aaad0500";

std::string bytes_of(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    out += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return out;
}

TEST(Inflate, reads_the_codings_that_servers_use) {
  EXPECT_EQ(decoded_beginning("", kText, 1000), kText);
  EXPECT_EQ(decoded_beginning("identity", kText, 6), kText.substr(0, 6));
  EXPECT_EQ(decoded_beginning("gzip", bytes_of(kGzip), 1000), kText);
  EXPECT_EQ(decoded_beginning("GZIP", bytes_of(kGzip), 10), kText.substr(0, 10));
  EXPECT_EQ(decoded_beginning("gzip", bytes_of(kGzipWithEverything), 1000), kText);
  EXPECT_EQ(decoded_beginning("deflate", bytes_of(kZlib), 1000), kText);
  EXPECT_EQ(decoded_beginning("deflate", bytes_of(kBare), 1000), kText);
}

TEST(Inflate, says_nothing_about_what_it_does_not_know) {
  EXPECT_EQ(decoded_beginning("br", kText, 1000), "");
  EXPECT_EQ(decoded_beginning("gzip, gzip", bytes_of(kGzip), 1000), "");
  EXPECT_EQ(decoded_beginning("gzip", kText, 1000), "");
  EXPECT_EQ(decoded_beginning("gzip", "", 1000), "");
}

TEST(Inflate, takes_every_cut) {
  const std::string whole = bytes_of(kGzipWithEverything);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::string cut = decoded_beginning("gzip", whole.substr(0, size), 1000);
    EXPECT_TRUE(kText.starts_with(cut)) << size;
  }
}

}  // namespace
}  // namespace keyfob::http
