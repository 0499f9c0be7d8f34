// What a process of ours leaves when it ends by a fault: one line, no core dump, nothing of what it held.
#include "apps/keyfob/hardening.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>

namespace keyfob::node {
namespace {

constexpr const char* kSecret = "refresh-token-that-nobody-may-see";

struct Ended {
  int status = 0;
  std::string said;
};

/// Runs `body` in a hardened process of its own, which core dumps would be allowed to but for that.
Ended hardened(const std::function<void()>& body) {
  int pipe[2];
  EXPECT_EQ(::pipe(pipe), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(pipe[1], STDERR_FILENO);
    ::close(pipe[0]);
    rlimit core{};
    (void)::getrlimit(RLIMIT_CORE, &core);
    core.rlim_cur = core.rlim_max;
    (void)::setrlimit(RLIMIT_CORE, &core);
    harden_process();
    // As the daemon does it: nothing of ours catches what a thread throws.
    std::thread(body).join();
    ::_exit(0);
  }
  ::close(pipe[1]);
  Ended ended;
  char buffer[4096];
  for (ssize_t n = 0; (n = ::read(pipe[0], buffer, sizeof buffer)) > 0;)
    ended.said.append(buffer, static_cast<std::size_t>(n));
  ::close(pipe[0]);
  EXPECT_EQ(::waitpid(child, &ended.status, 0), child);
  return ended;
}

void expect_quiet_end(const Ended& ended) {
  EXPECT_TRUE(WIFSIGNALED(ended.status)) << ended.status;
  EXPECT_EQ(WTERMSIG(ended.status), SIGABRT);
  EXPECT_FALSE(WCOREDUMP(ended.status));
  EXPECT_EQ(ended.said.find(kSecret), std::string::npos) << ended.said;
  EXPECT_EQ(ended.said, "keyfob: ended by a fault inside; its details are not shown, they could be secret\n");
}

TEST(Hardening, AnExceptionThatNobodyCatchesIsNotQuoted) {
  expect_quiet_end(hardened([] { throw std::runtime_error(kSecret); }));
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(Hardening, OutOfMemoryIsNotADump) {
  expect_quiet_end(hardened([] {
    const std::string secret = kSecret;
    const rlimit little{rlim_t{64} << 20U, rlim_t{64} << 20U};
    (void)::setrlimit(RLIMIT_AS, &little);
    const std::string too_much(std::size_t{1} << 30U, secret[0]);
    ::_exit(too_much.size() == 1);
  }));
}
#endif

TEST(Hardening, ASignalThatUsuallyDumpsDoesNot) {
  const Ended ended = hardened([] { ::raise(SIGQUIT); });
  EXPECT_TRUE(WIFSIGNALED(ended.status));
  EXPECT_FALSE(WCOREDUMP(ended.status));
}

TEST(Hardening, ItIsNotDumpable) {
  const Ended ended = hardened([] { ::_exit(::prctl(PR_GET_DUMPABLE) == 0 ? 7 : 8); });
  EXPECT_EQ(WEXITSTATUS(ended.status), 7);
}

TEST(Hardening, PrivilegesThatWereGivenUpDoNotComeBack) {
  const Ended ended = hardened([] {
    give_up_privileges();
    const bool none = ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
    // Not by the library's setgid(): that ends the process when its threads differ in what they may.
    const bool stays = ::syscall(SYS_setgid, 12345) == 0 || ::open("/proc/1/mem", O_RDONLY) >= 0;
    ::_exit(none && !stays ? 7 : 8);
  });
  EXPECT_EQ(WEXITSTATUS(ended.status), 7);
}

}  // namespace
}  // namespace keyfob::node
