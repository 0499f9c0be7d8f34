// fuzz: src/http/head_scanner.cpp src/http/head_fault.cpp -lhttp_parser

// Response heads, differentially: what we accept, Beast and http-parser accept and read alike.

#include "http/head_scanner.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "tests/fuzz/http_exceptions.hpp"
#include "tests/fuzz/reference.hpp"

namespace {

using namespace keyfob;
using namespace keyfob::http;

void expect_same(const ResponseHead& ours, const fuzz::Seen& theirs) {
  if (!theirs.head_complete) std::fprintf(stderr, "the reference: %s\n", theirs.why.c_str());
  CHECK(theirs.head_complete);
  CHECK(theirs.status == ours.status);
  CHECK(ours.fields().size() == theirs.fields.size());
  for (std::size_t i = 0; i < theirs.fields.size(); ++i) {
    const Field& field = ours.fields()[i];
    CHECK(ours.name(field) == theirs.fields[i].first);
    CHECK(ours.value(field) == fuzz::without_padding(theirs.fields[i].second));
  }
  CHECK(theirs.chunked == ours.chunked);
  if (!ours.chunked) CHECK(theirs.content_length.value_or(0) == ours.content_length.value_or(0));
}

}  // namespace

FUZZ(input) {
  ResponseHead head;
  const ScanResult result = scan_response(input, {}, head);
  if (result.status != ScanStatus::complete) return;
  CHECK(head.size() <= input.size() && head.size() <= kMaxHeadBytes);
  CHECK(head.status >= 100 && head.status <= 599);
  CHECK(!(head.chunked && head.content_length));

  const std::string_view text = input.substr(0, head.size());
  if (!fuzz::has_exception_of_beast(head)) expect_same(head, fuzz::beast_response(text));
  if (!fuzz::has_exception_of_node(head)) expect_same(head, fuzz::node_response(text));

  ResponseHead again;
  CHECK(scan_response(text, {}, again).status == ScanStatus::complete);
  CHECK(again.size() == head.size());
  const std::size_t cut = (head.size() * 2654435761U) % head.size();
  CHECK(scan_response(text.substr(0, cut), {}, again).status == ScanStatus::incomplete);
}
