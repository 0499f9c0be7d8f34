#include "base/ids.hpp"

void f() {
  const keyfob::UserId user("u");
#ifdef KEYFOB_OFFEND
#line 1 "offends"
  [[maybe_unused]] const keyfob::VehicleId vehicle(user);
#else
  [[maybe_unused]] const keyfob::VehicleId vehicle(user.view());
#endif
}
