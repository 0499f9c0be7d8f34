#include "apps/keyfob/hardening.hpp"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>

#include "crypto/secure_memory.hpp"

namespace keyfob::node {
namespace {

/// Only where the limit can be lifted: under a finite one, later allocations would fail.
void lock_memory() {
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  if (::setrlimit(RLIMIT_MEMLOCK, &unlimited) != 0) return;
  (void)::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
}

}  // namespace

void harden_process() {
  (void)::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  const rlimit none{0, 0};
  (void)::setrlimit(RLIMIT_CORE, &none);
  ::umask(077);
  (void)crypto::init_secure_heap();
  lock_memory();
  struct sigaction ignore{};
  ignore.sa_handler = SIG_IGN;
  (void)::sigaction(SIGPIPE, &ignore, nullptr);
  (void)::sigaction(SIGXFSZ, &ignore, nullptr);
}

}  // namespace keyfob::node
