#include <sstream>

#include "base/secret.hpp"

void f() {
  const keyfob::AccessToken token("s");
  std::ostringstream out;
#ifdef KEYFOB_OFFEND
#line 1 "offends"
  out << token;
#else
  out << token.size();
#endif
}
