#pragma once
// EventLoop: what one server thread runs: events of descriptors, a deadline wheel and a mailbox. EpollLoop works
// everywhere, RingLoop (io_uring) costs fewer system calls.
//
// Not an io_context: Asio (1.81) either probes a drained socket with a read that fails (its reads are tried at once,
// even after a short one) or re-arms epoll for every wait. Both cost a system call per direction and request, which is
// the difference that the relay is measured by.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "http/deadline_wheel.hpp"
#include "http/loop_kind.hpp"
#include "http/loop_socket.hpp"

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

/// Everything but stop() and mailbox() belongs to the thread that runs the loop (before run(): to whoever made it).
class EventLoop {
 public:
  /// Something with a file descriptor that is not a LoopSocket.
  class Source {
   public:
    /// `events` as of epoll(7). May remove and destroy this or any other source.
    virtual void on_events(std::uint32_t events) = 0;

   protected:
    ~Source() = default;
  };
  using Task = Mailbox::Task;

  /// unavailable: no descriptors left, or io_uring was asked for and cannot be had.
  static Result<std::unique_ptr<EventLoop>> create(LoopKind kind);
  virtual ~EventLoop() = default;
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  [[nodiscard]] virtual std::string_view name() const = 0;  ///< "epoll", "io_uring"
  /// Tells `source` each time `fd` becomes readable. The descriptor stays the caller's.
  [[nodiscard]] virtual bool watch(int fd, Source& source) = 0;
  /// No event reaches `source` after this, not even one of the present round.
  virtual void unwatch(int fd, const Source& source) = 0;
  /// Takes over a non-blocking stream socket, accepted or (`connecting`) with a connect() under way. Null: it cannot be
  /// watched; the descriptor is closed. Only while the loop runs.
  [[nodiscard]] virtual SocketPtr adopt(int fd, bool connecting, LoopSocket::Owner& owner) = 0;

  [[nodiscard]] BootTime now() const { return now_; }  ///< of the present round
  [[nodiscard]] DeadlineWheel& wheel() { return wheel_; }
  /// Runs `task` when the present round is over. Loop thread only.
  void defer(Task task) { deferred_.push_back(std::move(task)); }

  [[nodiscard]] const std::shared_ptr<Mailbox>& mailbox() const { return mailbox_; }

  /// Serves until stop().
  void run();
  void stop();  ///< any thread

 protected:
  EventLoop(int wake);
  /// Watches the mailbox: the last step of making a loop.
  [[nodiscard]] bool watch_mailbox();
  /// The first step of ending one: nothing of the program refers to its sockets afterwards.
  void let_go();

 private:
  class Wake final : public Source {
   public:
    explicit Wake(EventLoop& loop) : loop_(loop) {}
    void on_events(std::uint32_t) override { loop_.mailbox_->run(loop_.running_); }

   private:
    EventLoop& loop_;
  };

  virtual void begin() {}                       ///< on the thread that runs it, before the first round
  virtual void wait(Milliseconds at_most) = 0;  ///< for the first event
  virtual void deliver() = 0;                   ///< what wait() has found
  virtual void finish() {}                      ///< on the thread that ran it, after the last round
  void round();
  void run_deferred();

  int wake_fd_;
  Wake wake_;
  std::shared_ptr<Mailbox> mailbox_;
  BootTime now_;
  DeadlineWheel wheel_;
  std::vector<Task> deferred_;
  std::atomic<bool> stopped_{false};
  std::vector<Task> running_;
};

}  // namespace keyfob::http
