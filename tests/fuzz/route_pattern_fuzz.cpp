// fuzz: src/core/route_pattern.cpp src/gateway/route_table.cpp base

// Patterns and paths: "METHOD PATTERN", then a path on each further line. Nothing is matched that a provider could read
// otherwise, and what a caller's allow-list lets through the same pattern matches as a route.

#include "gateway/route_table.hpp"
#include "tests/fuzz/fields.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace keyfob;
using namespace keyfob::gateway;

std::string written(const std::vector<PatternSegment>& segments) {
  using Kind = PatternSegment::Kind;
  std::string text;
  for (const PatternSegment& segment : segments) {
    text += '/';
    switch (segment.kind) {
      case Kind::literal: text += segment.text; break;
      case Kind::any: text += '*'; break;
      case Kind::vehicle: text += "{vehicle}"; break;
      case Kind::user: text += "{user}"; break;
      case Kind::rest: text += "**"; break;
    }
  }
  return text.empty() ? "/" : text;
}

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// As a server that decodes once, and then once more, would see it.
std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape =
        text[i] == '%' && i + 2 < text.size() && digit_of(text[i + 1]) >= 0 && digit_of(text[i + 2]) >= 0;
    out += escape ? static_cast<char>(digit_of(text[i + 1]) * 16 + digit_of(text[i + 2])) : text[i];
    if (escape) i += 2;
  }
  return out;
}

/// No reader of the path can get out of a segment.
void expect_harmless(std::string_view path) {
  for (const std::string& seen : {std::string(path), decoded(path), decoded(decoded(path))}) {
    CHECK(seen.find("//") == std::string::npos);
    CHECK(seen.find('\\') == std::string::npos && seen.find('\0') == std::string::npos);
    for (const std::string_view segment : fuzz::split(seen, '/', 1000)) {
      const std::string_view bare = segment.substr(0, segment.find(';'));
      CHECK(bare != "." && bare != "..");
    }
  }
  CHECK(path.find_first_of("?#") == std::string_view::npos);
}

void judge(const RouteTable& table, const RouteLimits& limits, std::string_view method, std::string_view path) {
  const RouteMatch match = table.match(method, path, {});
  CHECK((match.rule != nullptr) == (match.outcome == RouteOutcome::matched));
  if (limits.allows(method, path)) CHECK(match.outcome != RouteOutcome::no_route);
  if (match.outcome == RouteOutcome::bad_path) return;
  expect_harmless(path);
  for (const std::string_view id : {match.vehicle, match.user}) {
    CHECK(id.find_first_of("%;/") == std::string_view::npos);
    if (!id.empty()) CHECK(id.data() >= path.data() && id.data() + id.size() <= path.data() + path.size());
  }
  if (match.rule == nullptr) return;
  CHECK(match.vehicle.empty() == (match.rule->match.find("{vehicle}") == std::string::npos));
  CHECK(match.user.empty() == (match.rule->match.find("{user}") == std::string::npos));
}

}  // namespace

FUZZ(input) {
  std::string_view head = fuzz::take_until(input, '\n');
  const std::string line(head);
  const std::string_view method = fuzz::take_until(head, ' ');
  const auto segments = parse_route_pattern(head);
  if (segments) {
    const std::string again = written(*segments);
    CHECK(again == head || again + "/" == head);
  }
  RouteRule rule;
  rule.match = head;
  rule.origin = "https://api.example.com";
  const std::vector<RouteRule> rules{rule};
  const auto table = RouteTable::compile(rules);
  CHECK(table.has_value() == segments.has_value());
  const std::vector<std::string> lines{line};
  const auto limits = RouteLimits::compile(lines);
  if (!table || !limits) return;
  for (const std::string_view path : fuzz::split(input, '\n')) judge(*table, *limits, method, path);
}
