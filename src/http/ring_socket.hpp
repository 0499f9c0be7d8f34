#pragma once
// RingSocket: one read is always under way unless there are bytes that nobody has taken yet; at most one write is, and
// what is written meanwhile is gathered for the next.

#include "base/wiped_string.hpp"
#include "http/ring_loop.hpp"

namespace keyfob::http {

class RingSocket final : public LoopSocket, public RingUser, private Deadline {
 public:
  static SocketPtr create(RingLoop& loop, int fd, bool connecting, Owner& owner);

  IoResult read(std::span<char> into) override;
  /// Takes what has room in a block behind the one under way.
  IoResult write(std::span<const iovec> parts) override;
  [[nodiscard]] bool probe_alive() override;
  void finish() override;

 private:
  friend class RingLoop;
  enum Kind : unsigned { kReceive, kSend, kPoll };

  RingSocket(RingLoop& loop, int fd, bool connecting, Owner& owner);
  ~RingSocket() override = default;
  void end() override;
  [[nodiscard]] bool busy() const { return receiving_ || sending() || polling_; }
  [[nodiscard]] bool sending() const { return under_way_ != nullptr; }
  void on_completion(unsigned kind, int result, std::uint32_t flags) override;
  void on_deadline() override;
  void received(int result, std::uint32_t flags);
  void sent(int result);
  void polled(int result, std::uint32_t flags);
  void start_receiving();
  void start_sending();
  void wait_for_connect();
  void go_on();
  void tell();

  RingLoop& loop_;
  bool ended_ = false;
  bool receiving_ = false;
  bool polling_ = false;
  bool abandoned_ = false;      ///< the peer has had its time to take what was written before the end
  bool reset_ = false;          ///< nothing more can be read
  bool want_writable_ = false;  ///< the owner was told to wait
  bool finish_wanted_ = false;
  std::span<const char> arrived_{};  ///< not taken yet: in a buffer of the loop while it is delivered, then in kept_
  WipedString kept_;
  BufferPtr under_way_;  ///< being sent
  BufferPtr gathered_;   ///< to be sent after it
};

}  // namespace keyfob::http
