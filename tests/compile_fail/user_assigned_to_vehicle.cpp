#include "base/ids.hpp"

void f() {
  const keyfob::UserId user("u");
  keyfob::VehicleId vehicle("v");
#ifdef KEYFOB_OFFEND
#line 1 "offends"
  vehicle = user;
#else
  vehicle = keyfob::VehicleId(user.view());
#endif
}
