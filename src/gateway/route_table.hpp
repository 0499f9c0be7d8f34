#pragma once
// RouteTable: the route rules of a provider profile, compiled for the hot path; RouteLimits: a caller's allow-list of
// routes, read by the same code.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "core/provider.hpp"
#include "core/route_pattern.hpp"

namespace keyfob::gateway {

/// What route conditions ("when") ask about the caller's application.
struct RouteConditions {
  bool v3_credentials = false;
};

enum class RouteOutcome : std::uint8_t {
  matched,
  no_route,  ///< no rule has this path and method under these conditions
  bad_path,  ///< never to be forwarded; see PathSegments
};

struct RouteMatch {
  RouteOutcome outcome = RouteOutcome::no_route;
  std::uint16_t index = 0;          ///< of the rule in the list that was compiled
  const RouteRule* rule = nullptr;  ///< null unless matched; lives as long as the table
  std::string_view vehicle{};       ///< raw path segment, a view into `path`; empty when the rule captures none
  std::string_view user{};
};

/// A path cut into segments, checked. No allocation, never throws, reads nothing outside the view.
///
/// Bad is: no leading slash, an empty segment (one trailing slash is insignificant), a dot segment (also encoded),
/// either of these with path parameters ("..;a"), bytes outside RFC 3986 pchar, a malformed percent-encoding, one of an
/// unreserved character ("%61pplication" would be routed as one thing here and as another by the provider), of a slash,
/// a backslash, a percent sign or a control byte, a query or fragment, more than 32 segments.
class PathSegments {
 public:
  static constexpr std::size_t kMost = 32;

  /// False when the path is bad; the object is then empty.
  [[nodiscard]] bool split(std::string_view path) noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::string_view operator[](std::size_t i) const noexcept {
    return {segments_[i].data, segments_[i].size};
  }
  /// Without path parameters.
  [[nodiscard]] std::string_view bare(std::size_t i) const noexcept;

 private:
  /// Left uninitialised on purpose: clearing 32 views costs more than most paths take to cut.
  struct Slice {
    const char* data;
    std::size_t size;
  };
  [[nodiscard]] bool push(const char* begin, const char* end) noexcept;

  std::size_t size_ = 0;
  bool has_parameters_ = false;
  Slice segments_[kMost];
};

/// Immutable after creation; any thread.
class RouteTable {
 public:
  /// invalid_argument names the rule: a pattern that cannot be parsed, an unknown condition, more than 65535 rules.
  [[nodiscard]] static Result<RouteTable> compile(std::span<const RouteRule> rules);

  /// The first rule, in the order given, whose path, method and condition fit. `path` has no query. Literal segments
  /// compare without case and without path parameters (";a=b"), since a provider may do so and would otherwise see a
  /// stricter route than we did. A captured id may contain neither '%' nor ';': ids are forwarded as they were checked,
  /// never decoded or cut (bad_path).
  /// A few dozen nanoseconds; no allocation.
  [[nodiscard]] RouteMatch match(std::string_view method, std::string_view path,
                                 RouteConditions conditions) const noexcept;

  [[nodiscard]] std::span<const RouteRule> rules() const { return *rules_; }

 private:
  struct Entry {
    std::vector<PatternSegment> segments;
    std::optional<bool> needs_v3{};
    std::uint16_t index = 0;
  };
  /// Entries whose first segment is this literal, together with those that take any first segment, in order.
  struct Bucket {
    std::string first;
    std::vector<Entry> entries;
  };

  void add(const Entry& entry);
  [[nodiscard]] const std::vector<Entry>& entries_for(std::string_view first) const noexcept;
  [[nodiscard]] bool admits(const Entry& entry, std::string_view method, RouteConditions conditions) const noexcept;

  std::unique_ptr<const std::vector<RouteRule>> rules_;
  std::vector<Bucket> buckets_;
  std::vector<Entry> others_;  ///< for paths whose first segment is in no bucket
};

/// "GET /v2.0/vehicles/*/odometer": method (or * for any; left out: any) and path pattern. Immutable; any thread.
class RouteLimits {
 public:
  /// invalid_argument quotes the line that is wrong. An empty list allows every route.
  [[nodiscard]] static Result<RouteLimits> compile(std::span<const std::string> lines);

  /// Literal segments compare exactly: this list gives rights. A bad path is never allowed.
  [[nodiscard]] bool allows(std::string_view method, std::string_view path) const noexcept;

 private:
  struct Line {
    std::string method;  ///< empty: any
    std::vector<PatternSegment> segments;
  };
  std::vector<Line> lines_;
};

}  // namespace keyfob::gateway
