#pragma once
// Ids by chance.

#include <cstddef>
#include <string>
#include <string_view>

#include "ports/clock.hpp"

namespace keyfob::engine {

inline constexpr std::string_view kIdLetters = "abcdefghijklmnopqrstuvwxyz234567";         ///< RFC 4648 base32, small
inline constexpr std::string_view kOrderedIdLetters = "234567abcdefghijklmnopqrstuvwxyz";  ///< the same, by their codes

/// `length` of the 32 letters, 5 bits of chance each.
[[nodiscard]] std::string random_id(Random& random, std::size_t length, std::string_view letters = kIdLetters);

}  // namespace keyfob::engine
