#include "base/secret.hpp"

void f() {
  const keyfob::ManagementToken token("s");
#ifdef KEYFOB_OFFEND
#line 1 "offends"
  [[maybe_unused]] const keyfob::AccessToken other(token);
#else
  [[maybe_unused]] const keyfob::ManagementToken other(token);
#endif
}
