#include "base/secret.hpp"

void f() {
  const keyfob::AccessToken access("s");
  const keyfob::RefreshToken refresh("s");
#ifdef KEYFOB_OFFEND
#line 1 "offends"
  (void)(access == refresh);
#else
  (void)(access == access);
#endif
}
