#include <iostream>

#include "base/secret.hpp"

void f() {
  const keyfob::Secret secret("s");
#ifdef KEYFOB_OFFEND
#line 1 "offends"
  std::cout << secret;
#else
  std::cout << secret.size();
#endif
}
