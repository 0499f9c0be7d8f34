#include <fmt/format.h>
#include <fmt/ostream.h>

#include "base/secret.hpp"

void f() {
  const keyfob::Secret secret("s");
#ifdef KEYFOB_OFFEND
#line 1 "offends"
  (void)fmt::format("{}", secret);
#else
  (void)fmt::format("{}", secret.size());
#endif
}
