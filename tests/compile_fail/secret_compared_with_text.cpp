#include "base/secret.hpp"

void f() {
  const keyfob::Secret secret("s");
#ifdef KEYFOB_OFFEND
#line 1 "offends"
  (void)(secret == "s");
#else
  (void)(secret == keyfob::Secret("s"));
#endif
}
