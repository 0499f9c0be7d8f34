#include <string_view>

#include "base/secret.hpp"

void f() {
  const keyfob::ClientSecret secret("s");
#ifdef KEYFOB_OFFEND
#line 1 "offends"
  [[maybe_unused]] const std::string_view text(secret);
#else
  [[maybe_unused]] const std::string_view text(reveal_secret(secret));
#endif
}
