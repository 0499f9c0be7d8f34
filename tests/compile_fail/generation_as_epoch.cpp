#include "base/ids.hpp"

void f() {
  const keyfob::Generation generation(1);
#ifdef KEYFOB_OFFEND
#line 1 "offends"
  [[maybe_unused]] const keyfob::Epoch epoch = generation;
#else
  [[maybe_unused]] const keyfob::Generation next = generation.next();
#endif
}
