#include "vault/secrets.hpp"

void f() {
  const keyfob::AppId app("a");
  const keyfob::vault::Keyring keys;
  using keyfob::SecretPurpose;
  using keyfob::vault::open_management_token;
#ifdef KEYFOB_OFFEND
#line 1 "offends"
  [[maybe_unused]] keyfob::ClientSecret secret =
      open_management_token(keys, {app, SecretPurpose::management_token}, {}).value();
#else
  [[maybe_unused]] keyfob::ManagementToken secret =
      open_management_token(keys, {app, SecretPurpose::management_token}, {}).value();
#endif
}
