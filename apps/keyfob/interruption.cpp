#include "apps/keyfob/interruption.hpp"

#include <pthread.h>

#include <array>
#include <ctime>

namespace keyfob::cli {
namespace {

constexpr std::array kWatched = {SIGINT, SIGTERM, SIGHUP};

}  // namespace

Interruption::Interruption() {
  sigemptyset(&watched_);
  for (const int number : kWatched) sigaddset(&watched_, number);
  (void)::pthread_sigmask(SIG_BLOCK, &watched_, &before_);
}

/// What arrived was answered: it must not end the process when it is let through again.
Interruption::~Interruption() {
  const timespec at_once{};
  while (::sigtimedwait(&watched_, nullptr, &at_once) > 0) {
  }
  (void)::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

bool Interruption::asked() const {
  sigset_t pending{};
  if (::sigpending(&pending) != 0) return false;
  for (const int number : kWatched)
    if (sigismember(&pending, number) == 1) return true;
  return false;
}

}  // namespace keyfob::cli
