// fuzz: src/http/chunk_decoder.cpp -lhttp_parser

// Chunked bodies, differentially: what we take for a whole body, Beast and http-parser take for the same data, and it
// ends at the same byte; and it does not matter in what pieces it comes.

#include <algorithm>

#include "http/chunk_decoder.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "tests/fuzz/http_exceptions.hpp"
#include "tests/fuzz/reference.hpp"

namespace {

using namespace keyfob;
using http::ChunkDecoder;

struct Decoded {
  ChunkDecoder::Status status = ChunkDecoder::Status::need_more;
  std::string data{};
  std::size_t consumed = 0;
};

/// `piece`: how many bytes come at once.
Decoded decode(std::string_view bytes, std::size_t piece) {
  Decoded out;
  ChunkDecoder decoder;
  while (out.consumed < bytes.size()) {
    std::string_view now = bytes.substr(out.consumed, piece);
    while (!now.empty()) {
      const ChunkDecoder::Step step = decoder.step(now);
      CHECK(step.consumed <= now.size());
      CHECK(step.status != ChunkDecoder::Status::need_more || step.consumed == now.size());
      CHECK(step.status == ChunkDecoder::Status::data || step.data.empty());
      out.data += step.data;
      out.consumed += step.consumed;
      out.status = step.status;
      now.remove_prefix(step.consumed);
      if (step.status == ChunkDecoder::Status::finished || step.status == ChunkDecoder::Status::malformed) return out;
    }
  }
  return out;
}

constexpr std::string_view kHead = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

void expect_same(const Decoded& ours, const fuzz::Seen& whole, const fuzz::Seen& cut) {
  if (whole.refused) std::fprintf(stderr, "the reference: %s\n", whole.why.c_str());
  CHECK(!whole.refused);
  CHECK(whole.message_complete);
  CHECK(whole.body == ours.data);
  CHECK(!cut.message_complete);  // not a byte earlier
}

}  // namespace

FUZZ(input) {
  const Decoded ours = decode(input, input.size());
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}}) {
    const Decoded other = decode(input, piece);
    CHECK(other.data == ours.data);
    CHECK((other.status == ChunkDecoder::Status::finished) == (ours.status == ChunkDecoder::Status::finished));
    CHECK((other.status == ChunkDecoder::Status::malformed) == (ours.status == ChunkDecoder::Status::malformed));
    CHECK(other.consumed == ours.consumed);
  }
  if (ours.status != ChunkDecoder::Status::finished) return;
  if (fuzz::has_meaningful_trailer(input.substr(0, ours.consumed))) return;
  const std::string message = std::string(kHead) + std::string(input.substr(0, ours.consumed));
  const std::string cut = message.substr(0, message.size() - 1);
  expect_same(ours, fuzz::beast_request(message), fuzz::beast_request(cut));
  expect_same(ours, fuzz::node_request(message), fuzz::node_request(cut));
}
