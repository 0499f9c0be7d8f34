#include "gateway/credential.hpp"

bool f(keyfob::http::HeaderBlock& out) {
  const keyfob::AccessToken access("a");
  const keyfob::RefreshToken refresh("r");
#ifdef KEYFOB_OFFEND
#line 1 "offends"
  return keyfob::gateway::inject_token(out, keyfob::Scheme::bearer, refresh);
#else
  static_cast<void>(refresh);
  return keyfob::gateway::inject_token(out, keyfob::Scheme::bearer, access);
#endif
}
