#include <string>

#include "base/secret.hpp"

void f() {
  const keyfob::ClientSecret secret("s");
#ifdef KEYFOB_OFFEND
#line 1 "offends"
  [[maybe_unused]] const std::string text = secret;
#else
  [[maybe_unused]] const std::string text(reveal_secret(secret));
#endif
}
