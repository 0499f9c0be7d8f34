#pragma once
// DeadlineWheel: one hashed timing wheel for all time limits of a thread (Varghese and Lauck, scheme 6).
//
// Made for limits that are moved all the time and hardly ever pass: pushing a deadline back only stores a number, the
// entry is looked at again when its old place comes up. Sans-I/O; one thread.

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/time.hpp"

namespace keyfob::http {

/// What may be linked into a wheel; whoever has a time limit derives from it. Unlinks itself when destroyed; must not
/// outlive the wheel while linked.
class Deadline {
 public:
  Deadline() = default;
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  /// The time has passed; the deadline is no longer set. May set it again, and may destroy this or any other.
  virtual void on_deadline() = 0;

 protected:
  ~Deadline() { unlink(); }

 private:
  friend class DeadlineWheel;
  void unlink();

  Deadline* previous_ = nullptr;
  Deadline* next_ = nullptr;
  std::int64_t due_ = 0;        ///< tick at which it has passed
  std::int64_t looked_at_ = 0;  ///< tick of the slot it is linked in
};

class DeadlineWheel {
 public:
  static constexpr Milliseconds kTick{100};

  explicit DeadlineWheel(BootTime now);

  /// on_deadline() is called by the first advance() that is at least one tick past `due`; never before `due`.
  void set(Deadline& deadline, BootTime due);
  static void clear(Deadline& deadline) { deadline.unlink(); }

  /// Calls what has passed. Not to be called from on_deadline().
  void advance(BootTime now);

  /// How long nothing can happen, seen from `now`; at most the wheel's span (51.2 s); negative when nothing is set.
  [[nodiscard]] Milliseconds until_next(BootTime now) const;

 private:
  static constexpr std::size_t kSlots = 512;

  struct Anchor final : Deadline {
    Anchor();
    void on_deadline() override {}
  };
  void link(Deadline& deadline);
  void take_slot(std::size_t slot, Anchor& into);
  [[nodiscard]] static bool empty(const Anchor& anchor);

  std::int64_t tick_;  ///< every slot up to here has been looked at
  std::array<std::uint64_t, kSlots / 64>
      occupied_{};  ///< a bit may be set for an empty slot, never the other way round
  std::array<Anchor, kSlots> slots_;
};

}  // namespace keyfob::http
