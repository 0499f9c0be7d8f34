#pragma once
// Scans of messages that look at sixteen bytes at a time where the processor can.

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <bit>

namespace keyfob::http {

[[nodiscard]] inline bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t') || byte == 0x7f;
}

/// First control byte other than HTAB, or `end`.
[[nodiscard]] inline const char* find_control(const char* at, const char* end) {
#if defined(__SSE2__)
  const __m128i highest = _mm_set1_epi8(0x1f);
  const __m128i del = _mm_set1_epi8(0x7f);
  const __m128i tab = _mm_set1_epi8('\t');
  for (; end - at >= 16; at += 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(block, highest), block);
    const __m128i bad = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(block, tab), low), _mm_cmpeq_epi8(block, del));
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(bad));
    if (mask != 0) return at + std::countr_zero(mask);
  }
#endif
  while (at != end && !is_control(*at)) ++at;
  return at;
}

/// First byte that a JSON string has to escape (RFC 8259 section 7), or `end`.
[[nodiscard]] inline const char* find_escaped(const char* at, const char* end) {
#if defined(__SSE2__)
  const __m128i highest = _mm_set1_epi8(0x1f);
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i backslash = _mm_set1_epi8('\\');
  for (; end - at >= 16; at += 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(block, highest), block);
    const __m128i odd = _mm_or_si128(_mm_cmpeq_epi8(block, quote), _mm_cmpeq_epi8(block, backslash));
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(low, odd)));
    if (mask != 0) return at + std::countr_zero(mask);
  }
#endif
  while (at != end && *at != '"' && *at != '\\' && static_cast<unsigned char>(*at) >= 0x20) ++at;
  return at;
}

/// Behind the letters, digits and hyphens at `at`, as far as whole blocks show them; the rest is for the table.
[[nodiscard]] inline const char* skip_plain_name(const char* at, [[maybe_unused]] const char* end) {
#if defined(__SSE2__)
  const auto within = [](__m128i block, char first, char last) {
    const __m128i from_first = _mm_sub_epi8(block, _mm_set1_epi8(first));
    return _mm_cmpeq_epi8(_mm_min_epu8(from_first, _mm_set1_epi8(static_cast<char>(last - first))), from_first);
  };
  for (; end - at >= 16; at += 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i letter = within(_mm_or_si128(block, _mm_set1_epi8(0x20)), 'a', 'z');
    const __m128i other = _mm_or_si128(within(block, '0', '9'), _mm_cmpeq_epi8(block, _mm_set1_epi8('-')));
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(letter, other)));
    if (mask != 0xffffU) return at + std::countr_one(mask);
  }
#endif
  return at;
}

}  // namespace keyfob::http
