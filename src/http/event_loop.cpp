#include "http/event_loop.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

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

Result<std::unique_ptr<EventLoop>> EventLoop::create() {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  const int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  if (epoll < 0 || wake < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, wake, &event) != 0) {
    if (epoll >= 0) ::close(epoll);
    if (wake >= 0) ::close(wake);
    return fail(ErrorCode::unavailable, "no event loop: out of file descriptors", "raise the limit (ulimit -n)");
  }
  return std::unique_ptr<EventLoop>(new EventLoop(epoll, std::make_shared<Mailbox>(wake)));
}

EventLoop::EventLoop(int epoll, std::shared_ptr<Mailbox> mailbox)
    : epoll_(epoll), mailbox_(std::move(mailbox)), now_(boot_now()), wheel_(now_) {}

EventLoop::~EventLoop() {
  mailbox_->close();
  run_deferred();
  ::close(epoll_);
}

bool EventLoop::add(int fd, std::uint32_t events, Source& source) const {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &source;
  return epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0;
}

void EventLoop::change(int fd, std::uint32_t events, Source& source) const {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &source;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event);
}

void EventLoop::remove(int fd, const Source& source) {
  epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
  for (std::size_t i = batch_at_; i < batch_size_; ++i) {
    if (batch_[i].data.ptr == &source) batch_[i].events = 0;
  }
}

void EventLoop::stop() {
  stopped_ = true;
  mailbox_->post([] {});
}

void EventLoop::run() {
  while (!stopped_) round();
}

void EventLoop::round() {
  const int wait = static_cast<int>(wheel_.until_next(now_).count());
  const int count = epoll_wait(epoll_, batch_.data(), static_cast<int>(kBatch), wait);
  now_ = boot_now();
  batch_size_ = count < 0 ? 0 : static_cast<std::size_t>(count);
  for (batch_at_ = 0; batch_at_ < batch_size_;) {
    const epoll_event& event = batch_[batch_at_++];
    if (event.data.ptr == nullptr) {
      mailbox_->run(running_);
    } else if (event.events != 0) {
      static_cast<Source*>(event.data.ptr)->on_events(event.events);
    }
  }
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
