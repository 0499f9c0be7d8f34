#include "base/secret.hpp"

void f() {
  const keyfob::AccessToken token("s");
  keyfob::RefreshToken refresh("r");
  keyfob::AccessToken access("a");
#ifdef KEYFOB_OFFEND
#line 1 "offends"
  refresh = token;
#else
  access = token;
#endif
}
