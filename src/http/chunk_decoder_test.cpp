#include "http/chunk_decoder.hpp"

#include <gtest/gtest.h>

#include <string>

#include "http/body_reader.hpp"

namespace keyfob::http {
namespace {

struct Decoded {
  std::string data;
  ChunkDecoder::Status status = ChunkDecoder::Status::need_more;
  std::size_t consumed = 0;
};

/// Feeds `text` in pieces of `size` bytes.
Decoded decode(std::string_view text, std::size_t size) {
  Decoded out;
  ChunkDecoder decoder;
  for (std::size_t at = 0; at < text.size();) {
    const ChunkDecoder::Step step = decoder.step(text.substr(at, size));
    out.data += step.data;
    out.status = step.status;
    at += step.consumed;
    out.consumed = at;
    if (step.status == ChunkDecoder::Status::finished || step.status == ChunkDecoder::Status::malformed) break;
  }
  return out;
}

TEST(ChunkDecoder, yields_the_same_data_however_it_is_cut) {
  constexpr std::string_view kText =
      "5\r\nhello\r\n0000A;name=\"v\";x\r\n0123456789\r\n1F\r\nabcdefghijklmnopqrstuvwxyz01234\r\n000\r\nX-A: b\r\nY: "
      "c\r\n\r\n"
      "next message";
  for (std::size_t size = 1; size <= kText.size(); ++size) {
    const Decoded decoded = decode(kText, size);
    EXPECT_EQ(decoded.status, ChunkDecoder::Status::finished) << size;
    EXPECT_EQ(decoded.data, "hello0123456789abcdefghijklmnopqrstuvwxyz01234") << size;
    EXPECT_EQ(kText.substr(decoded.consumed), "next message") << size;
  }
}

TEST(ChunkDecoder, refuses_what_is_not_strict) {
  const std::string long_extension = "1;" + std::string(300, 'x') + "\r\na\r\n0\r\n\r\n";
  const std::string long_trailer = "0\r\nX: " + std::string(9000, 'x') + "\r\n\r\n";
  for (const std::string& text : {std::string("\r\n"),
                                  std::string("g\r\n"),
                                  std::string(" 1\r\na\r\n0\r\n\r\n"),
                                  std::string("1 \r\na\r\n0\r\n\r\n"),
                                  std::string("+1\r\na\r\n"),
                                  std::string("0x1\r\na\r\n"),
                                  std::string("-1\r\n"),
                                  std::string("1\na\n0\n\n"),
                                  std::string("1\r\na\n0\r\n\r\n"),
                                  std::string("1\r\nab\r\n0\r\n\r\n"),
                                  std::string("1\ra\r\n"),
                                  std::string("1;a\nb\r\na\r\n0\r\n\r\n"),
                                  std::string("1;a\x01\r\na\r\n0\r\n\r\n"),
                                  std::string("0\r\nX: a\n\r\n"),
                                  std::string("0\r\n X: folded\r\n\r\n"),
                                  std::string("0\r\n\rX"),
                                  std::string("0\r\nX: \x02\r\n\r\n"),
                                  std::string("ffffffffffffffff\r\n"),
                                  std::string("10000000000000000\r\n"),
                                  std::string("00000000000000000000001\r\na\r\n"),
                                  std::string(";x\r\n"),
                                  long_extension,
                                  long_trailer}) {
    EXPECT_EQ(decode(text, text.size()).status, ChunkDecoder::Status::malformed) << text.substr(0, 40);
    EXPECT_EQ(decode(text, 1).status, ChunkDecoder::Status::malformed) << text.substr(0, 40);
  }
}

TEST(ChunkDecoder, says_nothing_more_after_the_end) {
  ChunkDecoder decoder;
  EXPECT_EQ(decoder.step("0\r\n\r\n").status, ChunkDecoder::Status::finished);
  EXPECT_EQ(decoder.step("1").status, ChunkDecoder::Status::malformed);
}

ResponseHead response(std::string_view text) {
  ResponseHead head;
  EXPECT_EQ(scan_response(text, {}, head).status, ScanStatus::complete);
  return head;
}

TEST(BodyReader, moves_the_data_of_several_chunks_together) {
  const ResponseHead head = response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  BodyReader reader(head, false);
  std::string bytes = "2\r\nab\r\n3\r\ncde\r\n1\r\nf\r\n0\r\n\r\nrest";
  const BodyReader::Piece piece = reader.take(bytes);
  EXPECT_EQ(piece.data, "abcdef");
  EXPECT_EQ(std::string_view(bytes).substr(piece.consumed), "rest");
  EXPECT_TRUE(reader.finished());
}

TEST(BodyReader, stops_at_the_promised_length) {
  const ResponseHead head = response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  BodyReader reader(head, false);
  std::string first = "abc";
  EXPECT_EQ(reader.take(first).data, "abc");
  EXPECT_FALSE(reader.finished());
  std::string second = "defg";
  const BodyReader::Piece piece = reader.take(second);
  EXPECT_EQ(piece.data, "de");
  EXPECT_EQ(piece.consumed, 2U);
  EXPECT_TRUE(reader.finished());
}

TEST(BodyReader, knows_which_responses_have_no_body) {
  for (const char* text : {"HTTP/1.1 204 No\r\n\r\n", "HTTP/1.1 304 Not\r\nContent-Length: 7\r\n\r\n",
                           "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}) {
    EXPECT_TRUE(BodyReader(response(text), false).finished()) << text;
  }
  EXPECT_TRUE(BodyReader(response("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"), true).finished());
}

TEST(BodyReader, lets_only_a_body_without_length_end_by_close) {
  BodyReader open_ended(response("HTTP/1.1 200 OK\r\n\r\n"), false);
  std::string bytes = "all";
  EXPECT_EQ(open_ended.take(bytes).data, "all");
  EXPECT_FALSE(open_ended.finished());
  EXPECT_TRUE(open_ended.end_by_close());
  BodyReader promised(response("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"), false);
  EXPECT_FALSE(promised.end_by_close());
}

}  // namespace
}  // namespace keyfob::http
