#include "base/secret.hpp"

void f() {
  const keyfob::AccessToken token("s");
#ifdef KEYFOB_OFFEND
#line 1 "offends"
  [[maybe_unused]] const keyfob::RefreshToken other(token);
#else
  [[maybe_unused]] const keyfob::AccessToken other(token);
#endif
}
