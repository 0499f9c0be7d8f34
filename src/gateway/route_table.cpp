#include "gateway/route_table.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace keyfob::gateway {
namespace {

using Kind = PatternSegment::Kind;

enum class ByteClass : std::uint8_t { bad, plain, slash, percent, semicolon };

constexpr bool is_unreserved(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

constexpr std::array<ByteClass, 256> kClasses = [] {
  std::array<ByteClass, 256> classes{};
  for (unsigned c = 0; c < 256; ++c) {
    const bool plain = is_unreserved(static_cast<unsigned char>(c)) ||
                       std::string_view("!$&'()*+,=:@").find(static_cast<char>(c)) != std::string_view::npos;
    classes[c] = plain      ? ByteClass::plain
                 : c == '/' ? ByteClass::slash
                 : c == '%' ? ByteClass::percent
                 : c == ';' ? ByteClass::semicolon
                            : ByteClass::bad;
  }
  return classes;
}();

constexpr std::array<std::int8_t, 256> kHex = [] {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  for (int i = 0; i < 10; ++i) values[static_cast<std::size_t>('0' + i)] = static_cast<std::int8_t>(i);
  for (int i = 0; i < 6; ++i) {
    values[static_cast<std::size_t>('a' + i)] = static_cast<std::int8_t>(10 + i);
    values[static_cast<std::size_t>('A' + i)] = static_cast<std::int8_t>(10 + i);
  }
  return values;
}();

ByteClass class_of(char c) noexcept { return kClasses[static_cast<unsigned char>(c)]; }

/// An encoding that can only stand for itself, whoever decodes the path later.
bool is_harmless_encoding(const char* at, const char* end) noexcept {
  if (end - at < 3) return false;
  const int high = kHex[static_cast<unsigned char>(at[1])];
  const int low = kHex[static_cast<unsigned char>(at[2])];
  if (high < 0 || low < 0) return false;
  const auto byte = static_cast<unsigned char>(high * 16 + low);
  return !is_unreserved(byte) && byte >= 0x20 && byte != 0x7f && byte != '/' && byte != '\\' && byte != '%';
}

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_no_case(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  if (a == b) return true;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

/// What others may read otherwise than we do; no id of a vehicle or a user has it.
bool is_ambiguous(std::string_view text) noexcept { return text.find_first_of("%;") != std::string_view::npos; }

/// Some readers drop what follows a semicolon (RFC 3986 section 3.3).
std::string_view without_parameters(std::string_view segment) noexcept { return segment.substr(0, segment.find(';')); }

enum class Case : std::uint8_t { exact, ignored };

template <Case Comparison>
bool fits(const std::vector<PatternSegment>& pattern, const PathSegments& path) noexcept {
  const bool open = !pattern.empty() && pattern.back().kind == Kind::rest;
  const std::size_t fixed = pattern.size() - (open ? 1 : 0);
  if (open ? path.size() < fixed : path.size() != fixed) return false;
  for (std::size_t i = 0; i < fixed; ++i) {
    if (pattern[i].kind != Kind::literal) continue;
    const std::string_view text = pattern[i].text;
    const bool same = Comparison == Case::exact ? text == path[i] : equal_no_case(text, path.bare(i));
    if (!same) return false;
  }
  return true;
}

RouteMatch captured(const std::vector<PatternSegment>& pattern, const PathSegments& path) noexcept {
  RouteMatch match{.outcome = RouteOutcome::matched};
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i].kind == Kind::vehicle) match.vehicle = path[i];
    if (pattern[i].kind == Kind::user) match.user = path[i];
  }
  if (is_ambiguous(match.vehicle) || is_ambiguous(match.user)) return {.outcome = RouteOutcome::bad_path};
  return match;
}

Result<std::optional<bool>> needs_v3(const RouteRule& rule) {
  if (rule.when.empty()) return std::nullopt;
  if (rule.when == "v3_credentials") return true;
  if (rule.when == "no_v3_credentials") return false;
  return fail(ErrorCode::invalid_argument, "unknown condition '" + rule.when + "'");
}

}  // namespace

bool PathSegments::push(const char* begin, const char* end) noexcept {
  const std::string_view segment(begin, static_cast<std::size_t>(end - begin));
  const std::string_view bare = has_parameters_ ? without_parameters(segment) : segment;
  if (bare.empty() || bare == "." || bare == ".." || size_ == kMost) return false;
  segments_[size_++] = {segment.data(), segment.size()};
  return true;
}

std::string_view PathSegments::bare(std::size_t i) const noexcept {
  return has_parameters_ ? without_parameters((*this)[i]) : (*this)[i];
}

bool PathSegments::split(std::string_view path) noexcept {
  size_ = 0;
  has_parameters_ = false;
  if (path.empty() || path.front() != '/') return false;
  const char* const end = path.data() + path.size();
  const char* begin = path.data() + 1;
  bool good = true;
  for (const char* at = begin; good && at != end; ++at) {
    const ByteClass what = class_of(*at);
    if (what == ByteClass::plain) continue;
    if (what == ByteClass::slash) {
      good = push(begin, at);
      begin = at + 1;
    } else if (what == ByteClass::semicolon) {
      has_parameters_ = true;
    } else {
      good = what == ByteClass::percent && is_harmless_encoding(at, end);
    }
  }
  if (good && begin != end) good = push(begin, end);
  if (!good) size_ = 0;
  return good;
}

Result<RouteTable> RouteTable::compile(std::span<const RouteRule> rules) {
  if (rules.size() > std::numeric_limits<std::uint16_t>::max())
    return fail(ErrorCode::invalid_argument, "too many routes");
  RouteTable table;
  table.rules_ = std::make_unique<const std::vector<RouteRule>>(rules.begin(), rules.end());
  for (std::size_t i = 0; i < rules.size(); ++i) {
    auto segments = parse_route_pattern(rules[i].match);
    auto condition = needs_v3(rules[i]);
    for (const Error* error : {segments ? nullptr : &segments.error(), condition ? nullptr : &condition.error()}) {
      if (error != nullptr) return fail(error->code, "route " + rules[i].match + ": " + error->what, error->hint);
    }
    const Entry entry{.segments = *std::move(segments), .needs_v3 = *condition, .index = static_cast<std::uint16_t>(i)};
    table.add(entry);
  }
  return table;
}

void RouteTable::add(const Entry& entry) {
  const bool literal = !entry.segments.empty() && entry.segments.front().kind == Kind::literal;
  if (!literal) {
    for (Bucket& bucket : buckets_) bucket.entries.push_back(entry);
    others_.push_back(entry);
    return;
  }
  const std::string& first = entry.segments.front().text;
  auto bucket = std::ranges::find_if(buckets_, [&](const Bucket& b) { return equal_no_case(b.first, first); });
  if (bucket == buckets_.end()) bucket = buckets_.insert(buckets_.end(), Bucket{first, others_});
  bucket->entries.push_back(entry);
}

const std::vector<RouteTable::Entry>& RouteTable::entries_for(std::string_view first) const noexcept {
  for (const Bucket& bucket : buckets_) {
    if (equal_no_case(bucket.first, first)) return bucket.entries;
  }
  return others_;
}

bool RouteTable::admits(const Entry& entry, std::string_view method, RouteConditions conditions) const noexcept {
  if (entry.needs_v3 && *entry.needs_v3 != conditions.v3_credentials) return false;
  const std::vector<std::string>& methods = (*rules_)[entry.index].methods;
  return methods.empty() || std::ranges::find(methods, method) != methods.end();
}

RouteMatch RouteTable::match(std::string_view method, std::string_view path,
                             RouteConditions conditions) const noexcept {
  PathSegments segments;
  if (!segments.split(path)) return {.outcome = RouteOutcome::bad_path};
  const std::string_view first = segments.size() == 0 ? std::string_view() : segments.bare(0);
  for (const Entry& entry : entries_for(first)) {
    if (!fits<Case::ignored>(entry.segments, segments) || !admits(entry, method, conditions)) continue;
    RouteMatch match = captured(entry.segments, segments);
    if (match.outcome != RouteOutcome::matched) return match;
    match.index = entry.index;
    match.rule = &(*rules_)[entry.index];
    return match;
  }
  return {};
}

Result<RouteLimits> RouteLimits::compile(std::span<const std::string> lines) {
  RouteLimits limits;
  for (const std::string& line : lines) {
    const auto space = line.find(' ');
    const std::string method = space == std::string::npos ? "" : line.substr(0, space);
    const bool token = std::ranges::all_of(method, [](char c) { return c >= 'A' && c <= 'Z'; });
    if (method != "*" && !token) return fail(ErrorCode::invalid_argument, "route '" + line + "': not a method");
    auto segments = parse_route_pattern(space == std::string::npos ? line : line.substr(space + 1));
    if (!segments) {
      return fail(ErrorCode::invalid_argument, "route '" + line + "': " + segments.error().what, segments.error().hint);
    }
    limits.lines_.push_back({method == "*" ? "" : method, *std::move(segments)});
  }
  return limits;
}

bool RouteLimits::allows(std::string_view method, std::string_view path) const noexcept {
  PathSegments segments;
  if (!segments.split(path)) return false;
  return lines_.empty() || std::ranges::any_of(lines_, [&](const Line& line) {
           return (line.method.empty() || line.method == method) && fits<Case::exact>(line.segments, segments);
         });
}

}  // namespace keyfob::gateway
