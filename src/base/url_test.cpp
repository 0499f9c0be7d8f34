#include "base/url.hpp"

#include <gtest/gtest.h>

namespace keyfob {
namespace {

TEST(UrlTest, SplitsSchemeHostPortAndTarget) {
  const auto url = split_url("https://auth.smartcar.com/oauth/token?flags=a");
  ASSERT_TRUE(url);
  EXPECT_TRUE(url->tls);
  EXPECT_EQ(url->host, "auth.smartcar.com");
  EXPECT_EQ(url->port, 443);
  EXPECT_EQ(url->origin, "https://auth.smartcar.com");
  EXPECT_EQ(url->target, "/oauth/token?flags=a");
}

TEST(UrlTest, ReadsPortsAndIpv6) {
  EXPECT_EQ(split_url("http://127.0.0.1:7421")->port, 7421);
  EXPECT_EQ(split_url("http://localhost/x")->port, 80);
  const auto six = split_url("http://[::1]:81/a");
  ASSERT_TRUE(six);
  EXPECT_EQ(six->host, "::1");
  EXPECT_EQ(six->port, 81);
  EXPECT_EQ(six->origin, "http://[::1]:81");
}

TEST(UrlTest, RefusesWhatIsNotAPlainHttpUrl) {
  for (const char* bad : {"", "auth.smartcar.com", "ftp://a", "https://", "https:///x", "https://user@host/",
                          "https://a/#f", "https://a b/", "https://a:0/", "https://a:65536/", "https://a:8x/",
                          "https://[::1/", "http://a\n/", "https://[]/", "https://a%41/"}) {
    EXPECT_FALSE(split_url(bad)) << bad;
  }
}

TEST(UrlTest, KnowsLoopback) {
  for (const char* yes : {"http://127.0.0.1", "http://127.9.9.9:1", "http://[::1]", "http://localhost"}) {
    EXPECT_TRUE(split_url(yes)->loopback()) << yes;
  }
  for (const char* no :
       {"http://127.0.0.1.evil.example", "http://10.0.0.1", "http://localhost.evil.example", "http://[::2]"}) {
    EXPECT_FALSE(split_url(no)->loopback()) << no;
  }
}

TEST(UrlTest, RebasesOntoAnotherOrigin) {
  EXPECT_EQ(rebase_url("https://a.example/x/{vehicle}?y=1", "http://127.0.0.1:1"),
            "http://127.0.0.1:1/x/{vehicle}?y=1");
  EXPECT_EQ(rebase_url("https://a.example", "http://127.0.0.1:1"), "http://127.0.0.1:1");
  EXPECT_EQ(rebase_url("", "http://127.0.0.1:1"), "");
}

}  // namespace
}  // namespace keyfob
