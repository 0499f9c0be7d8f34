#pragma once
// EventLoop: edge-triggered epoll, a deadline wheel and a mailbox; what one server thread runs.
//
// Not an io_context: Asio (1.81) either probes a drained socket with a read that fails (its reads are tried at once,
// even after a short one) or re-arms epoll for every wait. Both cost a system call per direction and request, which is
// the difference that the relay is measured by.

#include <sys/epoll.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/result.hpp"
#include "http/deadline_wheel.hpp"

namespace keyfob::http {

/// How other threads reach a loop. Outlives it: what is posted to an ended loop is destroyed unrun.
class Mailbox {
 public:
  using Task = std::move_only_function<void()>;

  explicit Mailbox(int wake) : wake_(wake) {}
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  /// Runs `task` on the loop's thread. Any thread.
  void post(Task task);

 private:
  friend class EventLoop;
  void run(std::vector<Task>& scratch);
  void close();

  int wake_;
  std::mutex mutex_;
  bool closed_ = false;
  std::vector<Task> tasks_;
};

/// Everything but stop() belongs to the thread that runs the loop (before run(): to whoever made it).
class EventLoop {
 public:
  /// Something with a file descriptor.
  class Source {
   public:
    /// `events` as of epoll(7). May remove and destroy this or any other source.
    virtual void on_events(std::uint32_t events) = 0;

   protected:
    ~Source() = default;
  };
  using Task = Mailbox::Task;

  static Result<std::unique_ptr<EventLoop>> create();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// Watches `fd` for `events` (EPOLLET is the caller's choice). The descriptor stays the caller's.
  [[nodiscard]] bool add(int fd, std::uint32_t events, Source& source) const;
  void change(int fd, std::uint32_t events, Source& source) const;
  /// No event reaches `source` after this, not even one of the present round.
  void remove(int fd, const Source& source);

  [[nodiscard]] BootTime now() const { return now_; }  ///< of the present round
  [[nodiscard]] DeadlineWheel& wheel() { return wheel_; }
  /// Runs `task` when the present round is over. Loop thread only.
  void defer(Task task) { deferred_.push_back(std::move(task)); }

  [[nodiscard]] const std::shared_ptr<Mailbox>& mailbox() const { return mailbox_; }

  /// Serves until stop().
  void run();
  void stop();  ///< any thread

 private:
  EventLoop(int epoll, std::shared_ptr<Mailbox> mailbox);
  void round();
  void run_deferred();

  static constexpr std::size_t kBatch = 256;
  int epoll_;
  std::shared_ptr<Mailbox> mailbox_;
  BootTime now_;
  DeadlineWheel wheel_;
  std::array<epoll_event, kBatch> batch_;
  std::size_t batch_size_ = 0;
  std::size_t batch_at_ = 0;
  std::vector<Task> deferred_;
  std::atomic<bool> stopped_{false};
  std::vector<Task> running_;
};

}  // namespace keyfob::http
