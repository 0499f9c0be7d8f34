#include "vault/pair.hpp"

void f() {
  const keyfob::Grant grant;
#ifdef KEYFOB_OFFEND
#line 1 "offends"
  [[maybe_unused]] const auto binding = keyfob::vault::binding_of(keyfob::Grant());
#else
  [[maybe_unused]] const auto binding = keyfob::vault::binding_of(grant);
#endif
}
