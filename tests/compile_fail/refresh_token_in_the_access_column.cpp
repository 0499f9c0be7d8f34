#include "vault/pair.hpp"

void f() {
  const keyfob::AccessToken access("a");
  const keyfob::RefreshToken refresh("r");
#ifdef KEYFOB_OFFEND
#line 1 "offends"
  [[maybe_unused]] const keyfob::TokenPair pair{refresh, access};
#else
  [[maybe_unused]] const keyfob::TokenPair pair{access, refresh};
#endif
}
