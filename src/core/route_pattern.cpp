#include "core/route_pattern.hpp"

#include <algorithm>

namespace keyfob {
namespace {

constexpr std::size_t kMaxSegments = 32;

bool is_plain(char c) {
  const bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return alnum || std::string_view("-._~!$&'()+,=:@").find(c) != std::string_view::npos;
}

Result<PatternSegment> parse_segment(std::string_view text) {
  using Kind = PatternSegment::Kind;
  if (text == "*") return PatternSegment{Kind::any};
  if (text == "**") return PatternSegment{Kind::rest};
  if (text == "{vehicle}") return PatternSegment{Kind::vehicle};
  if (text == "{user}") return PatternSegment{Kind::user};
  if (text.empty()) return fail(ErrorCode::invalid_argument, "empty segment");
  if (text == "." || text == "..") return fail(ErrorCode::invalid_argument, "dot segment");
  if (text.front() == '{') {
    return fail(ErrorCode::invalid_argument, "unknown capture " + std::string(text), "use {vehicle}, {user} or *");
  }
  if (!std::ranges::all_of(text, is_plain)) {
    return fail(ErrorCode::invalid_argument, "'" + std::string(text) + "' is not a plain path segment",
                "a wildcard stands alone between two slashes; percent-encoding is not used in patterns");
  }
  return PatternSegment{Kind::literal, std::string(text)};
}

Result<void> check_order(const std::vector<PatternSegment>& segments) {
  using Kind = PatternSegment::Kind;
  const auto count = [&](Kind kind) { return std::ranges::count(segments, kind, &PatternSegment::kind); };
  if (count(Kind::vehicle) > 1 || count(Kind::user) > 1)
    return fail(ErrorCode::invalid_argument, "a capture occurs twice");
  const auto rest = std::ranges::find(segments, Kind::rest, &PatternSegment::kind);
  if (rest != segments.end() && rest + 1 != segments.end()) {
    return fail(ErrorCode::invalid_argument, "** before the end", "** stands for the rest of the path");
  }
  return {};
}

}  // namespace

Result<std::vector<PatternSegment>> parse_route_pattern(std::string_view pattern) {
  if (!pattern.starts_with('/')) return fail(ErrorCode::invalid_argument, "a path pattern starts with /");
  std::string_view rest = pattern.substr(1);
  if (rest.ends_with('/')) rest.remove_suffix(1);
  std::vector<PatternSegment> segments;
  for (bool more = !rest.empty(); more;) {
    const auto slash = rest.find('/');
    more = slash != std::string_view::npos;
    auto segment = parse_segment(rest.substr(0, slash));
    if (!segment) return fail(std::move(segment.error()));
    segments.push_back(*std::move(segment));
    if (more) rest.remove_prefix(slash + 1);
    if (segments.size() > kMaxSegments) return fail(ErrorCode::invalid_argument, "more than 32 segments");
  }
  if (auto ordered = check_order(segments); !ordered) return fail(std::move(ordered.error()));
  return segments;
}

}  // namespace keyfob
