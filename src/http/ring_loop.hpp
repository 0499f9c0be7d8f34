#pragma once
// RingLoop: io_uring. Reads, writes and waits of a whole round enter the kernel together; bytes arrive in a few buffers
// that all sockets of the loop share, so an idle one has none.
//
// Used by one thread (IORING_SETUP_SINGLE_ISSUER, DEFER_TASKRUN: Linux 6.1): the kernel works for the ring only while
// that thread asks for completions, so nothing changes behind its back. liburing(7).

#include <liburing.h>

#include <memory>
#include <span>
#include <vector>

#include "http/buffer.hpp"
#include "http/event_loop.hpp"

namespace keyfob::http {

class RingSocket;

/// Who an operation belongs to. Lives until the last completion of its last operation.
class RingUser {
 public:
  /// `kind` is what the operation was submitted with; `flags` as of io_uring_enter(2).
  virtual void on_completion(unsigned kind, int result, std::uint32_t flags) = 0;

 protected:
  ~RingUser() = default;
};

class RingLoop final : public EventLoop {
 public:
  /// Null: this kernel has no io_uring for us, or not all of what is needed. `wake` becomes the mailbox's when it is
  /// made.
  static std::unique_ptr<EventLoop> create(int wake);
  ~RingLoop() override;

  [[nodiscard]] std::string_view name() const override { return "io_uring"; }
  [[nodiscard]] bool watch(int fd, Source& source) override;
  void unwatch(int fd, const Source& source) override;
  [[nodiscard]] SocketPtr adopt(int fd, bool connecting, LoopSocket::Owner& owner) override;

  // For its sockets.
  static constexpr std::uint16_t kGroup = 0;
  /// An operation to be filled in. It is submitted at the end of the round, with all others.
  [[nodiscard]] io_uring_sqe& operation(RingUser& user, unsigned kind);
  /// Ends an operation early; its completion says so.
  void cancel(RingUser& user, unsigned kind);
  /// What an operation of group kGroup has received.
  [[nodiscard]] std::span<const char> received(std::uint32_t flags, int size) const;
  /// Wipes a buffer that has been read and gives it back to the kernel.
  void recycle(std::uint32_t flags, int size);
  /// Whether a completion of this operation waits to be delivered.
  [[nodiscard]] bool undelivered(const RingUser& user, unsigned kind) const;
  [[nodiscard]] BufferPool& blocks() { return blocks_; }
  /// Frees `socket` as soon as none of its operations is under way.
  void retire(RingSocket& socket) { retired_.push_back(&socket); }

 private:
  struct Ring;
  class Watch;
  struct Completion {
    std::uint64_t user;
    int result;
    std::uint32_t flags;
  };

  explicit RingLoop(int wake, std::unique_ptr<Ring> ring);
  [[nodiscard]] io_uring_sqe& next_entry();
  void begin() override;
  void wait(Milliseconds at_most) override;
  void deliver() override;
  void finish() override;
  void free_retired();

  std::unique_ptr<Ring> ring_;
  BufferPool blocks_;
  std::vector<std::unique_ptr<Watch>> watches_;
  std::vector<RingSocket*> retired_;
  std::vector<Completion> batch_;
  std::size_t batch_at_ = 0;
  bool over_ = false;
  io_uring_sqe nowhere_{};  ///< what is asked for afterwards
};

}  // namespace keyfob::http
