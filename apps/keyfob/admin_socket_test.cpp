#include "apps/keyfob/admin_socket.hpp"

#include <gtest/gtest.h>

namespace keyfob::cli {
namespace {

TEST(WholeResponse, HasStatusHeadersAndBody) {
  const auto response = parse_whole_response("HTTP/1.1 201 Created\r\nContent-Length: 2\r\nX:  y \r\n\r\n{}");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 201);
  EXPECT_EQ(http::find_header(response->headers, "x"), "y");
  EXPECT_EQ(response->body, "{}");
}

TEST(WholeResponse, MayComeInChunks) {
  EXPECT_EQ(parse_whole_response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n")
                .value()
                .body,
            "abcd");
}

TEST(WholeResponse, MayHaveNoBody) {
  EXPECT_EQ(parse_whole_response("HTTP/1.1 204 No Content\r\n\r\n").value().status, 204);
}

TEST(WholeResponse, ThatIsCutShortIsNotBelieved) {
  EXPECT_FALSE(parse_whole_response(""));
  EXPECT_FALSE(parse_whole_response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc"));
  EXPECT_FALSE(parse_whole_response("HTTP/1.1 200 OK\r\nContent-Le"));
  EXPECT_FALSE(parse_whole_response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"));
}

}  // namespace
}  // namespace keyfob::cli
