#include <spdlog/spdlog.h>

#include "base/secret.hpp"

void f() {
  const keyfob::Secret secret("s");
#ifdef KEYFOB_OFFEND
#line 1 "offends"
  spdlog::info("{}", secret);
#else
  spdlog::info("{}", secret.size());
#endif
}
