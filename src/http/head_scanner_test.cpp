#include "http/head_scanner.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace keyfob::http {
namespace {

using ::testing::ElementsAre;

/// Scans a copy whose last byte is the last of its block, so that a sanitizer sees any read beyond it.
ScanResult scan_exactly(std::string_view text, RequestHead& head, const HeadLimits& limits = {}) {
  const std::unique_ptr<char[]> copy(new char[text.size()]);
  text.copy(copy.get(), text.size());
  const ScanResult result = scan_request({copy.get(), text.size()}, limits, head);
  head.rebase(text.data());
  return result;
}

HeadFault fault_of(std::string_view text) {
  RequestHead head;
  const ScanResult result = scan_exactly(text, head);
  return result.status == ScanStatus::refused ? result.fault : HeadFault::none;
}

std::string with_line(std::string_view line) {
  return "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(line) + "\r\n\r\n";
}

TEST(ScanRequest, finds_every_part_of_a_head) {
  constexpr std::string_view kText =
      "PATCH /v1/things/7?a=b&c HTTP/1.1\r\nHost: api.example:8443\r\nX-Empty:\r\nX-Padded: \t some text \t\r\n"
      "Authorization: Bearer abc\r\nContent-Length: 12\r\n\r\nbody follows";
  RequestHead head;
  ASSERT_EQ(scan_exactly(kText, head).status, ScanStatus::complete);
  EXPECT_EQ(head.method, Method::patch);
  EXPECT_EQ(head.method_name(), "PATCH");
  EXPECT_EQ(head.target(), "/v1/things/7?a=b&c");
  EXPECT_EQ(head.path(), "/v1/things/7");
  EXPECT_EQ(head.query(), "a=b&c");
  EXPECT_EQ(head.find("x-empty"), "");
  EXPECT_EQ(head.find("X-PADDED"), "some text");
  EXPECT_EQ(head.find("x-absent"), std::nullopt);
  EXPECT_EQ(head.authorization(), "Bearer abc");
  EXPECT_EQ(head.content_length, 12U);
  EXPECT_EQ(kText.substr(head.size()), "body follows");
  EXPECT_TRUE(head.has_body());
  EXPECT_FALSE(head.close);
}

TEST(ScanRequest, wants_more_of_every_beginning_of_a_good_head) {
  constexpr std::string_view kText =
      "POST /a%20b?q HTTP/1.1\r\nHost: [::1]:80\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n";
  RequestHead head;
  for (std::size_t size = 0; size < kText.size(); ++size) {
    EXPECT_EQ(scan_exactly(kText.substr(0, size), head).status, ScanStatus::incomplete) << size;
  }
  ASSERT_EQ(scan_exactly(kText, head).status, ScanStatus::complete);
  EXPECT_TRUE(head.chunked);
  EXPECT_TRUE(head.expect_continue);
}

TEST(ScanRequest, accepts_what_is_unusual_but_right) {
  const std::vector<std::string> heads = {
      with_line("X-High: caf\xc3\xa9 \x80\xff"),
      with_line("X-Tabs: a\tb"),
      with_line("!#$%&'*+-.^_`|~09azAZ: strange name"),
      with_line("Connection: , keep-alive ,,close"),
      with_line("Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMA"),
      with_line("Content-Length: 0"),
      with_line("Content-Length: 00000012"),
      with_line("Transfer-Encoding: CHUNKED"),
      "QUERY /x HTTP/1.1\r\nhost: a_b.example.\r\n\r\n",
      "GET /;a=1,2/:@!$&'()*+[]?/?x=%7Bz%7d HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
  };
  for (const std::string& head : heads) {
    RequestHead scanned;
    EXPECT_EQ(scan_exactly(head, scanned).status, ScanStatus::complete) << head;
  }
}

TEST(ScanRequest, marks_hop_by_hop_fields_and_those_that_connection_names) {
  RequestHead head;
  const std::string text = with_line(
      "Connection: X-One, close\r\nKeep-Alive: 5\r\nTE: gzip\r\nTrailer: x\r\nProxy-Foo: y\r\nx-one: 1\r\nX-Two: 2\r\n"
      "Transfer-Encoding: chunked");
  ASSERT_EQ(scan_exactly(text, head).status, ScanStatus::complete);
  std::vector<std::string> crossing;
  for (const Field& field : head.fields()) {
    if (!field.hop_by_hop) crossing.emplace_back(head.name(field));
  }
  EXPECT_THAT(crossing, ElementsAre("Host", "X-Two"));
  EXPECT_TRUE(head.close);
}

struct Hostile {
  std::string text;
  HeadFault fault;
};

TEST(ScanRequest, refuses_hostile_request_lines) {
  const std::string rest = "\r\nHost: a\r\n\r\n";
  const std::vector<Hostile> cases = {
      {"\r\nGET / HTTP/1.1" + rest, HeadFault::start_line},
      {" GET / HTTP/1.1" + rest, HeadFault::start_line},
      {"GET  / HTTP/1.1" + rest, HeadFault::target},
      {"GET /  HTTP/1.1" + rest, HeadFault::start_line},
      {"GET\t/ HTTP/1.1" + rest, HeadFault::start_line},
      {"GET / HTTP/1.1 " + rest, HeadFault::start_line},
      {"GET /" + rest, HeadFault::target},
      {"GET / http/1.1" + rest, HeadFault::start_line},
      {"GET / HTTP/1.0" + rest, HeadFault::version},
      {"GET / HTTP/2.0" + rest, HeadFault::version},
      {"GET / HTTP/1.10" + rest, HeadFault::start_line},
      {"GET / HTTP/11" + rest, HeadFault::version},
      {"GET / HTTP/1.1\nHost: a\r\n\r\n", HeadFault::start_line},
      {"GET / HTTP/1.1\rHost: a\r\n\r\n", HeadFault::start_line},
      {"GET http://a/ HTTP/1.1" + rest, HeadFault::target},
      {"GET a:80 HTTP/1.1" + rest, HeadFault::target},
      {"OPTIONS * HTTP/1.1" + rest, HeadFault::target},
      {"CONNECT a:80 HTTP/1.1" + rest, HeadFault::method},
      {"TRACE / HTTP/1.1" + rest, HeadFault::method},
      {"G(T / HTTP/1.1" + rest, HeadFault::start_line},
      {std::string("G\0T / HTTP/1.1", 14) + rest, HeadFault::start_line},
      {"AVERYLONGMETHODNAMETHATGOESONANDONAND / HTTP/1.1" + rest, HeadFault::method},
      {"GET /a#b HTTP/1.1" + rest, HeadFault::target},
      {"GET /a\\b HTTP/1.1" + rest, HeadFault::target},
      {"GET /a\"b HTTP/1.1" + rest, HeadFault::target},
      {"GET /a<b> HTTP/1.1" + rest, HeadFault::target},
      {"GET /{a} HTTP/1.1" + rest, HeadFault::target},
      {"GET /a|b HTTP/1.1" + rest, HeadFault::target},
      {"GET /caf\xc3\xa9 HTTP/1.1" + rest, HeadFault::target},
      {"GET /a\x7f HTTP/1.1" + rest, HeadFault::target},
      {"GET /a\x01 HTTP/1.1" + rest, HeadFault::target},
      {"GET /a%2 HTTP/1.1" + rest, HeadFault::target},
      {"GET /a%zz HTTP/1.1" + rest, HeadFault::target},
      {"GET /a% HTTP/1.1" + rest, HeadFault::target},
  };
  for (const Hostile& each : cases) EXPECT_EQ(fault_of(each.text), each.fault) << each.text;
}

TEST(ScanRequest, refuses_hostile_fields) {
  const std::vector<Hostile> cases = {
      {with_line("X-Name : v"), HeadFault::field_name},
      {with_line("X Name: v"), HeadFault::field_name},
      {with_line(": v"), HeadFault::field_name},
      {with_line("X-Name"), HeadFault::field_name},
      {with_line("X\x80: v"), HeadFault::field_name},
      {with_line("X(: v"), HeadFault::field_name},
      {with_line("X: a\r\n b"), HeadFault::folded},
      {with_line("X: a\r\n\tb"), HeadFault::folded},
      {"GET / HTTP/1.1\r\n X: a\r\nHost: a\r\n\r\n", HeadFault::folded},
      {with_line("X: a\nY: b"), HeadFault::line_end},
      {with_line("X: a\n"), HeadFault::line_end},
      {"GET / HTTP/1.1\r\nHost: a\n\n", HeadFault::line_end},
      {with_line("X: a\rY: b"), HeadFault::line_end},
      {with_line("X: a\r\rY: b"), HeadFault::line_end},
      {with_line(std::string("X: a\0b", 6)), HeadFault::field_value},
      {with_line("X: a\x01"), HeadFault::field_value},
      {with_line("X: a\x7f"), HeadFault::field_value},
      {with_line("X: a\x0b"), HeadFault::field_value},
      {with_line("X: 0123456789abcdef\x08"), HeadFault::field_value},
  };
  for (const Hostile& each : cases) EXPECT_EQ(fault_of(each.text), each.fault) << each.text;
}

TEST(ScanRequest, refuses_every_doubt_about_where_the_message_ends) {
  const std::vector<Hostile> cases = {
      {with_line("Content-Length: 1\r\nTransfer-Encoding: chunked"), HeadFault::conflicting_framing},
      {with_line("Transfer-Encoding: chunked\r\nContent-Length: 0"), HeadFault::conflicting_framing},
      {with_line("Content-Length: 1\r\nContent-Length: 2"), HeadFault::content_length},
      {with_line("Content-Length: 1\r\nContent-Length: 1"), HeadFault::content_length},
      {with_line("Content-Length: 1, 1"), HeadFault::content_length},
      {with_line("Content-Length: +1"), HeadFault::content_length},
      {with_line("Content-Length: -1"), HeadFault::content_length},
      {with_line("Content-Length: 1x"), HeadFault::content_length},
      {with_line("Content-Length: 0x1"), HeadFault::content_length},
      {with_line("Content-Length: 1 1"), HeadFault::content_length},
      {with_line("Content-Length:"), HeadFault::content_length},
      {with_line("Content-Length: 9007199254740993"), HeadFault::content_length},
      {with_line("Content-Length: 18446744073709551617"), HeadFault::content_length},
      {with_line("Transfer-Encoding: gzip, chunked"), HeadFault::transfer_encoding},
      {with_line("Transfer-Encoding: chunked, chunked"), HeadFault::transfer_encoding},
      {with_line("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), HeadFault::transfer_encoding},
      {with_line("Transfer-Encoding: identity"), HeadFault::transfer_encoding},
      {with_line("Transfer-Encoding: xchunked"), HeadFault::transfer_encoding},
      {with_line("Transfer-Encoding: \x0b"
                 "chunked"),
       HeadFault::field_value},
      {with_line("Transfer-Encoding: \"chunked\""), HeadFault::transfer_encoding},
      {with_line("Transfer-Encoding:"), HeadFault::transfer_encoding},
      {with_line("Connection: Content-Length\r\nContent-Length: 3"), HeadFault::connection},
      {with_line("Connection: transfer-encoding\r\nTransfer-Encoding: chunked"), HeadFault::connection},
      {with_line("Connection: host"), HeadFault::connection},
      {with_line("Connection: AUTHORIZATION"), HeadFault::connection},
      {with_line("Connection: a b"), HeadFault::connection},
      {with_line("Connection: \"close\""), HeadFault::connection},
  };
  for (const Hostile& each : cases) EXPECT_EQ(fault_of(each.text), each.fault) << each.text;
}

TEST(ScanRequest, refuses_a_missing_repeated_or_malformed_host) {
  EXPECT_EQ(fault_of("GET / HTTP/1.1\r\n\r\n"), HeadFault::host);
  EXPECT_EQ(fault_of("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), HeadFault::host);
  for (const char* host : {"", "a b", "a/b", "a@b", "a,b", "a:b", "a:123456", "[::1", "[]", "[::g]", "[::1]x", "a?b",
                           "a#b", "%61", "http://a", ":80", "caf\xc3\xa9"}) {
    EXPECT_EQ(fault_of("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n"), HeadFault::host) << host;
  }
}

TEST(ScanRequest, refuses_upgrades_strange_expectations_and_a_second_credential) {
  EXPECT_EQ(fault_of(with_line("Upgrade: websocket\r\nConnection: upgrade")), HeadFault::upgrade);
  EXPECT_EQ(fault_of(with_line("Upgrade: h2c, websocket")), HeadFault::upgrade);
  EXPECT_EQ(fault_of(with_line("Expect: 200-ok")), HeadFault::expect);
  EXPECT_EQ(fault_of(with_line("Authorization: Bearer a\r\nAuthorization: Bearer b")), HeadFault::field_name);
}

TEST(ScanRequest, refuses_what_another_reader_could_take_for_another_request) {
  for (const char* line : {"X-HTTP-Method-Override: DELETE", "X_HTTP_Method_Override: DELETE", "x-method-override: PUT",
                           "X-HTTP-Method: PUT", "X-Original-URL: /x", "X-Rewrite-Url: /x"}) {
    EXPECT_EQ(fault_of(with_line(line)), HeadFault::overriding) << line;
  }
  EXPECT_EQ(fault_of(with_line("Content_Length: 1")), HeadFault::field_name);
  EXPECT_EQ(fault_of(with_line("Content-Length: 1\t")), HeadFault::field_name) << "http-parser refuses it";
  EXPECT_EQ(fault_of(with_line("Transfer-Encoding:\tchunked")), HeadFault::field_name);
  EXPECT_EQ(fault_of(with_line("Transfer_Encoding: chunked")), HeadFault::field_name);
  EXPECT_EQ(fault_of(with_line("X-Original-URI: /x\r\nX_Any: thing")), HeadFault::none);
}

TEST(ScanRequest, refuses_what_is_too_long_as_soon_as_it_is) {
  RequestHead head;
  const std::string long_value = with_line("X: " + std::string(kMaxHeadBytes, 'a'));
  EXPECT_EQ(scan_exactly(long_value, head).fault, HeadFault::too_long);
  EXPECT_EQ(scan_exactly(std::string(kMaxHeadBytes, 'A'), head).fault, HeadFault::method);
  EXPECT_EQ(scan_exactly("GET /" + std::string(200, 'a'), head, {.bytes = 100}).fault, HeadFault::too_long);
  std::string many;
  for (std::size_t i = 0; i < kMaxFields; ++i) many += "X: y\r\n";
  EXPECT_EQ(scan_exactly(with_line(many + "X: y"), head).fault, HeadFault::too_many_fields);
  EXPECT_EQ(scan_exactly(with_line("A: b\r\nC: d"), head, {.fields = 2}).fault, HeadFault::too_many_fields);
}

TEST(ScanRequest, takes_a_head_of_exactly_the_longest_size) {
  std::string text = with_line("X: ");
  text.insert(text.size() - 4, kMaxHeadBytes - text.size(), 'a');
  RequestHead head;
  ASSERT_EQ(text.size(), kMaxHeadBytes);
  EXPECT_EQ(scan_exactly(text, head).status, ScanStatus::complete);
  text.insert(text.size() - 4, 1, 'a');
  EXPECT_EQ(scan_exactly(text, head).fault, HeadFault::too_long);
}

HeadFault response_fault_of(std::string_view text) {
  ResponseHead head;
  const ScanResult result = scan_response(text, {}, head);
  return result.status == ScanStatus::refused ? result.fault : HeadFault::none;
}

TEST(ScanResponse, reads_status_and_framing) {
  ResponseHead head;
  ASSERT_EQ(scan_response("HTTP/1.1 404 Not Here At All\r\nContent-Length: 3\r\n\r\nabc", {}, head).status,
            ScanStatus::complete);
  EXPECT_EQ(head.status, 404);
  EXPECT_EQ(head.content_length, 3U);
  EXPECT_FALSE(head.close);
  ASSERT_EQ(scan_response("HTTP/1.1 200\r\nConnection: close\r\n\r\n", {}, head).status, ScanStatus::complete);
  EXPECT_TRUE(head.close);
  EXPECT_FALSE(head.content_length.has_value());
  ASSERT_EQ(scan_response("HTTP/1.0 200 OK\r\n\r\n", {}, head).status, ScanStatus::complete);
  EXPECT_TRUE(head.close);
}

TEST(ScanResponse, wants_more_of_every_beginning) {
  constexpr std::string_view kText = "HTTP/1.1 200 OK\r\nServer: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  ResponseHead head;
  for (std::size_t size = 0; size < kText.size(); ++size) {
    EXPECT_EQ(scan_response(kText.substr(0, size), {}, head).status, ScanStatus::incomplete) << size;
  }
}

TEST(ScanResponse, refuses_what_is_not_strict) {
  for (const char* text :
       {"HTTP/1.1 99 Too Low\r\n\r\n", "HTTP/1.1 600 Too High\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.2 200 OK\r\n\r\n", "ICY 200 OK\r\n\r\n",
        "<html><body>oops</body></html>", "HTTP/1.1 200 OK\nA: b\n\n", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 O\x01K\r\n\r\n", "HTTP/1.1 200 OK\r\nConnection: content-length\r\nContent-Length: 1\r\n\r\n"}) {
    EXPECT_NE(response_fault_of(text), HeadFault::none) << text;
  }
}

TEST(ScanResponse, refuses_framing_of_an_interim_response) {
  EXPECT_EQ(response_fault_of("HTTP/1.1 103 Early\r\nContent-Length: 1\r\n\r\n"), HeadFault::conflicting_framing);
  EXPECT_EQ(response_fault_of("HTTP/1.1 100 C\r\nTransfer-Encoding: chunked\r\n\r\n"), HeadFault::conflicting_framing);
  EXPECT_EQ(response_fault_of("HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n"), HeadFault::none);
}

TEST(FieldRules, know_tokens_and_values) {
  EXPECT_TRUE(is_token("X-Name"));
  EXPECT_FALSE(is_token(""));
  EXPECT_FALSE(is_token("a b"));
  EXPECT_FALSE(is_token("a:b"));
  EXPECT_TRUE(is_field_value(""));
  EXPECT_TRUE(is_field_value("a\tb \xff"));
  EXPECT_FALSE(is_field_value("a\r\nX: y"));
  EXPECT_FALSE(is_field_value(std::string_view("a\0b", 3)));
  EXPECT_FALSE(is_field_value("0123456789abcdef0123456789abcdef\n"));
}

}  // namespace
}  // namespace keyfob::http
