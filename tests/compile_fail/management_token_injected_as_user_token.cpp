#include "gateway/credential.hpp"

bool f(keyfob::http::HeaderBlock& out) {
  const keyfob::AccessToken access("a");
  const keyfob::ManagementToken management("m");
#ifdef KEYFOB_OFFEND
#line 1 "offends"
  return keyfob::gateway::inject_token(out, keyfob::Scheme::bearer, management);
#else
  static_cast<void>(management);
  return keyfob::gateway::inject_token(out, keyfob::Scheme::bearer, access);
#endif
}
