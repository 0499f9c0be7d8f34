#pragma once
// nearest: the known word that somebody probably meant, for "did you mean".

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace keyfob {

/// Levenshtein's distance.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

/// The element of `known` (any range of text) closest to `word`; empty when none is close enough to be meant.
template <class Range>
[[nodiscard]] std::string nearest(std::string_view word, const Range& known) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const auto& candidate : known) {
    const std::string_view text(candidate);
    const std::size_t distance = edit_distance(word, text);
    if (distance >= best_distance || distance >= text.size()) continue;
    best = text;
    best_distance = distance;
  }
  return best;
}

}  // namespace keyfob
