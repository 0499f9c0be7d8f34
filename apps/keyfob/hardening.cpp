#include "apps/keyfob/hardening.hpp"

#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <exception>
#include <string_view>

#include "crypto/secure_memory.hpp"

namespace keyfob::node {
namespace {

/// Only where the limit can be lifted: under a finite one, later allocations would fail.
void lock_memory() {
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  if (::setrlimit(RLIMIT_MEMLOCK, &unlimited) != 0) return;
  (void)::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
}

/// The library's own handler prints what() of the exception, which may quote anything.
[[noreturn]] void end_without_details() {
  constexpr std::string_view kLast =
      "keyfob: ended by a fault inside; its details are not shown, they could be secret\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, kLast.data(), kLast.size());
  std::abort();
}

}  // namespace

void harden_process() {
  (void)::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  const rlimit none{0, 0};
  (void)::setrlimit(RLIMIT_CORE, &none);
  ::umask(077);
  (void)crypto::init_secure_heap();
  lock_memory();
  std::set_terminate(end_without_details);
  struct sigaction ignore{};
  ignore.sa_handler = SIG_IGN;
  (void)::sigaction(SIGPIPE, &ignore, nullptr);
  (void)::sigaction(SIGXFSZ, &ignore, nullptr);
}

void give_up_privileges() {
  (void)::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  (void)::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  for (unsigned long capability = 0; capability <= CAP_LAST_CAP; ++capability) {
    if (capability != CAP_NET_BIND_SERVICE) (void)::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  }
  __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct held[2]{};
  if (::syscall(SYS_capget, &head, held) != 0) return;
  constexpr __u32 kKept = 1U << CAP_NET_BIND_SERVICE;
  const __u32 kept = held[0].permitted & kKept;
  held[0] = {kept, kept, 0};
  held[1] = {};
  (void)::syscall(SYS_capset, &head, held);
}

}  // namespace keyfob::node
