#include "keys/program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <ctime>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace keyfob::keys {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kOutputLimit = std::size_t{64} << 10U;

class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { close(); }
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_;
};

struct Pipe {
  Fd read;
  Fd write;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(ErrorCode::unavailable, "no pipe could be made");
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

/// A program that does not read must cost an error here, not this process's life.
class NoSigpipe {
 public:
  NoSigpipe() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  NoSigpipe(const NoSigpipe&) = delete;
  NoSigpipe& operator=(const NoSigpipe&) = delete;
  ~NoSigpipe() {
    const timespec now{};
    while (::sigtimedwait(&pipe_, nullptr, &now) > 0) {
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t pipe_{};
  sigset_t before_{};
};

std::unexpected<Error> outage(const ProgramRun& run, const std::string& what) {
  return fail(ErrorCode::unavailable, "the key program " + run.path + " " + what,
              "run it by hand: " + run.path + " " + run.argument);
}

class Child {
 public:
  static Result<Child> start(const ProgramRun& run, const Pipe& in, const Pipe& out);
  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  Child& operator=(Child&&) = delete;
  /// With everything it started.
  ~Child() {
    if (pid_ < 0) return;
    ::kill(-pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  /// Empty: still running.
  [[nodiscard]] std::optional<int> ended() {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
    ::kill(-pid_, SIGKILL);
    pid_ = -1;
    return status;
  }

 private:
  explicit Child(pid_t pid) : pid_(pid) {}
  pid_t pid_;
};

Result<Child> Child::start(const ProgramRun& run, const Pipe& in, const Pipe& out) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_adddup2(&files, in.read.get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&files, out.write.get(), STDOUT_FILENO);
  sigset_t none;
  sigset_t defaults;
  sigemptyset(&none);
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  sigaddset(&defaults, SIGXFSZ);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::string path = run.path;
  std::string argument = run.argument;
  std::string environment = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  const std::array<char*, 3> arguments{path.data(), argument.data(), nullptr};
  const std::array<char*, 2> variables{environment.data(), nullptr};
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, path.c_str(), &files, &attributes, arguments.data(), variables.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) return outage(run, "cannot be started: " + std::generic_category().message(error));
  return Child(pid);
}

/// Carries bytes until both sides are done. False: too much, or too late.
class Conversation {
 public:
  Conversation(const ProgramRun& run, Fd in, Fd out, WipedString& output)
      : input_(run.input), in_(std::move(in)), out_(std::move(out)), output_(output) {
    ::fcntl(in_.get(), F_SETFL, O_NONBLOCK);
    ::fcntl(out_.get(), F_SETFL, O_NONBLOCK);
    if (input_.empty()) in_.close();
  }
  bool carry(SteadyClock::time_point until) {
    while (out_.is_open() && !overflown_) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - SteadyClock::now()).count();
      if (left <= 0) return false;
      std::array<pollfd, 2> fds{pollfd{out_.get(), POLLIN, 0}, pollfd{in_.get(), POLLOUT, 0}};
      ::poll(fds.data(), fds.size(), static_cast<int>(left));
      if (fds[0].revents != 0) read();
      if (in_.is_open() && fds[1].revents != 0) write();
    }
    return !overflown_;
  }

 private:
  void read() {
    std::array<char, 4096> buffer{};
    const ssize_t got = ::read(out_.get(), buffer.data(), buffer.size());
    if (got > 0) output_.append(buffer.data(), static_cast<std::size_t>(got));
    wipe(buffer.data(), buffer.size());
    overflown_ = output_.size() > kOutputLimit;
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) out_.close();
  }
  void write() {
    const ssize_t put = ::write(in_.get(), input_.data(), input_.size());
    if (put > 0) input_.remove_prefix(static_cast<std::size_t>(put));
    if (input_.empty() || (put < 0 && errno != EAGAIN && errno != EINTR)) in_.close();
  }

  std::string_view input_;
  Fd in_;
  Fd out_;
  WipedString& output_;
  bool overflown_ = false;
};

}  // namespace

Result<ProgramAnswer> run_program(const ProgramRun& run) {
  const auto until = SteadyClock::now() + run.limit;
  Result<Pipe> in = make_pipe();
  Result<Pipe> out = make_pipe();
  if (!in || !out) return fail(in ? out.error() : in.error());
  const NoSigpipe quiet;
  Result<Child> child = Child::start(run, *in, *out);
  if (!child) return fail(child.error());
  in->read.close();
  out->write.close();
  ProgramAnswer answer;
  answer.output = wiped_string({}, kOutputLimit / 16);
  Conversation conversation(run, std::move(in->write), std::move(out->read), answer.output);
  if (!conversation.carry(until)) return outage(run, "did not answer in time, or far too much");
  for (;;) {
    if (const std::optional<int> status = child->ended()) {
      if (!WIFEXITED(*status)) return outage(run, "was ended by a signal");
      answer.exit_code = WEXITSTATUS(*status);
      return answer;
    }
    if (SteadyClock::now() >= until) return outage(run, "closed its output and does not end");
    const timespec nap{0, 2'000'000};
    ::nanosleep(&nap, nullptr);
  }
}

Result<void> check_program(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return fail(ErrorCode::not_found, "there is no key program " + path);
  if (!S_ISREG(status.st_mode) || ::access(path.c_str(), X_OK) != 0) {
    return fail(ErrorCode::invalid_argument, "the key program " + path + " cannot be executed", "chmod 755 " + path);
  }
  const bool owned = status.st_uid == 0 || status.st_uid == ::geteuid();
  if (owned && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0) return {};
  return fail(ErrorCode::unsafe, "the key program " + path + " may be changed by others",
              owned ? "chmod go-w " + path : "chown root " + path);
}

}  // namespace keyfob::keys
