// fuzz: src/http/head_scanner.cpp src/http/head_fault.cpp -lhttp_parser

// Request heads, differentially: what we accept, Beast and http-parser accept and read alike.

#include "http/head_scanner.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "tests/fuzz/http_exceptions.hpp"
#include "tests/fuzz/reference.hpp"

namespace {

using namespace keyfob;
using namespace keyfob::http;

void expect_same_fields(const RequestHead& ours, const fuzz::Seen& theirs) {
  CHECK(ours.fields().size() == theirs.fields.size());
  for (std::size_t i = 0; i < theirs.fields.size(); ++i) {
    const Field& field = ours.fields()[i];
    CHECK(ours.name(field) == theirs.fields[i].first);
    CHECK(ours.value(field) == fuzz::without_padding(theirs.fields[i].second));
  }
}

void expect_same(const RequestHead& ours, const fuzz::Seen& theirs) {
  if (!theirs.head_complete) std::fprintf(stderr, "the reference: %s\n", theirs.why.c_str());
  CHECK(theirs.head_complete);
  CHECK(theirs.target == ours.target());
  CHECK(theirs.method == ours.method_name());
  expect_same_fields(ours, theirs);
  CHECK(theirs.chunked == ours.chunked);
  if (!ours.chunked) CHECK(theirs.content_length.value_or(0) == ours.content_length.value_or(0));
}

}  // namespace

FUZZ(input) {
  RequestHead head;
  const ScanResult result = scan_request(input, {}, head);
  if (result.status != ScanStatus::complete) return;
  CHECK(head.size() <= input.size() && head.size() <= kMaxHeadBytes);
  CHECK(head.find("host").has_value() && head.count("host") == 1);
  CHECK(!(head.chunked && head.content_length));
  CHECK(head.target().starts_with('/'));

  const std::string_view text = input.substr(0, head.size());
  if (!fuzz::has_exception_of_beast(head)) {
    const fuzz::Seen seen = fuzz::beast_request(text);
    expect_same(head, seen);
    CHECK(seen.keep_alive == !head.close);
  }
  if (!fuzz::has_exception_of_node(head)) {
    const fuzz::Seen seen = fuzz::node_request(text);
    expect_same(head, seen);
    CHECK(seen.keep_alive || head.close);  // it misses "close" in odd lists, and in front of a tab; ours closes
  }

  // Neither what follows a head nor where it was cut before changes how it is read.
  RequestHead again;
  CHECK(scan_request(text, {}, again).status == ScanStatus::complete);
  CHECK(again.size() == head.size());
  const std::size_t cut = (head.size() * 2654435761U) % head.size();
  CHECK(scan_request(text.substr(0, cut), {}, again).status == ScanStatus::incomplete);
}
