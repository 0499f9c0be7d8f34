#include "gateway/credential.hpp"

bool f(keyfob::http::HeaderBlock& out) {
  const keyfob::AccessToken access("a");
  const keyfob::Secret authorization("Bearer b");
#ifdef KEYFOB_OFFEND
#line 1 "offends"
  return keyfob::gateway::inject_authorization(out, access);
#else
  static_cast<void>(access);
  return keyfob::gateway::inject_authorization(out, authorization);
#endif
}
