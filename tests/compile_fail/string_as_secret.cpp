#include <string>

#include "base/secret.hpp"

void f() {
  const std::string text("s");
#ifdef KEYFOB_OFFEND
#line 1 "offends"
  [[maybe_unused]] const keyfob::Secret secret = text;
#else
  [[maybe_unused]] const keyfob::Secret secret(text);
#endif
}
