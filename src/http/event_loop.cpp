#include "http/event_loop.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <ctime>

#include "http/epoll_loop.hpp"
#include "http/ring_loop.hpp"

namespace keyfob::http {
namespace {

BootTime boot_now() {
  timespec time{};
  clock_gettime(CLOCK_BOOTTIME, &time);
  return BootTime(seconds(time.tv_sec) + Milliseconds(time.tv_nsec / 1'000'000));
}

}  // namespace

Mailbox::~Mailbox() { ::close(wake_); }

void Mailbox::post(Task task) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    first = tasks_.empty();
    tasks_.push_back(std::move(task));
  }
  if (!first) return;
  const std::uint64_t one = 1;
  static_cast<void>(!write(wake_, &one, sizeof one));
}

void Mailbox::run(std::vector<Task>& scratch) {
  std::uint64_t count = 0;
  static_cast<void>(!read(wake_, &count, sizeof count));
  {
    const std::lock_guard lock(mutex_);
    scratch.swap(tasks_);
  }
  for (Task& task : scratch) task();
  scratch.clear();
}

void Mailbox::close() {
  std::vector<Task> left;
  const std::lock_guard lock(mutex_);
  closed_ = true;
  left.swap(tasks_);
}

Result<std::unique_ptr<EventLoop>> EventLoop::create(LoopKind kind) {
  const int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  std::unique_ptr<EventLoop> made;
  if (wake >= 0 && kind != LoopKind::epoll) made = RingLoop::create(wake);
  if (wake >= 0 && made == nullptr && kind != LoopKind::io_uring) made = EpollLoop::create(wake);
  if (made != nullptr && made->watch_mailbox()) return made;
  if (made == nullptr && wake >= 0) ::close(wake);
  if (kind == LoopKind::io_uring) {
    return fail(ErrorCode::unavailable,
                "no io_uring: the kernel is older than 6.1, or does not let this process have one",
                "set server.event_loop = \"auto\"");
  }
  return fail(ErrorCode::unavailable, "no event loop: out of file descriptors", "raise the limit (ulimit -n)");
}

EventLoop::EventLoop(int wake)
    : wake_fd_(wake), wake_(*this), mailbox_(std::make_shared<Mailbox>(wake)), now_(boot_now()), wheel_(now_) {}

bool EventLoop::watch_mailbox() { return watch(wake_fd_, wake_); }

void EventLoop::let_go() {
  mailbox_->close();
  run_deferred();
}

void EventLoop::stop() {
  stopped_ = true;
  mailbox_->post([] {});
}

void EventLoop::run() {
  begin();
  while (!stopped_) round();
  finish();
}

void EventLoop::round() {
  wait(wheel_.until_next(now_));
  now_ = boot_now();
  deliver();
  wheel_.advance(now_);
  run_deferred();
}

void EventLoop::run_deferred() {
  // A deferred task may defer another; it then runs in this round, too.
  for (std::size_t i = 0; i < deferred_.size(); ++i) {
    Task task = std::move(deferred_[i]);
    task();
  }
  deferred_.clear();
}

}  // namespace keyfob::http
