#include <fmt/format.h>
#include <fmt/ostream.h>

#include "base/secret.hpp"

void f() {
  const keyfob::RefreshToken token("s");
#ifdef KEYFOB_OFFEND
#line 1 "offends"
  (void)fmt::format("{}", fmt::streamed(token));
#else
  (void)fmt::format("{}", fmt::streamed(token.size()));
#endif
}
