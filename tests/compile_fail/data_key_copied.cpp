#include "crypto/secure_memory.hpp"

void f() {
  keyfob::crypto::SecureBytes key(32);
#ifdef KEYFOB_OFFEND
#line 1 "offends"
  const keyfob::crypto::SecureBytes copy(key);
#else
  const keyfob::crypto::SecureBytes moved(std::move(key));
#endif
}
