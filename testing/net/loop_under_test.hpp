#pragma once
// Which event loop the servers of a test run: suites are registered once as they are, which is what a user gets, and
// once with KEYFOB_TEST_LOOP=epoll, which is what he gets where io_uring is refused.

#include <cstdlib>
#include <string_view>

#include "http/loop_kind.hpp"

namespace keyfob::testing {

inline http::LoopKind loop_under_test() {
  const char* wanted = std::getenv("KEYFOB_TEST_LOOP");
  return wanted != nullptr && std::string_view(wanted) == "epoll" ? http::LoopKind::epoll : http::LoopKind::automatic;
}

}  // namespace keyfob::testing
