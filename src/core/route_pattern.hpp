#pragma once
// RoutePattern: the path language of RouteRule::match and of a caller's route restrictions, parsed once.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace keyfob {

/// One step of a pattern between two slashes.
struct PatternSegment {
  enum class Kind : std::uint8_t {
    literal,  ///< exactly this text
    any,      ///< "*": one segment, not empty
    vehicle,  ///< "{vehicle}": one segment, captured
    user,     ///< "{user}": one segment, captured
    rest,     ///< "**": zero or more segments; only at the end
  };
  Kind kind = Kind::literal;
  std::string text{};  ///< of a literal
};

/// "/v2.0/vehicles/{vehicle}/**" as segments. invalid_argument names what is wrong: no leading slash, empty or dot
/// segment, unknown capture, a capture twice, `**` before the end, characters outside RFC 3986 pchar, percent-encoding,
/// more than 32 segments. One trailing slash is insignificant; "/" has no segments.
[[nodiscard]] Result<std::vector<PatternSegment>> parse_route_pattern(std::string_view pattern);

}  // namespace keyfob
