#pragma once
// SpoolRetention: which pairs stay in the spool although the store has them (refresh.spool = "always"), so that a
// database that forgets acknowledged commits can be told again. Pure: time is an argument. Not thread-safe.
//
// A pair stays `keep_for` from when the store was first known to have it, or until its place is needed. Meanwhile it is
// looked at every now and then: does the store still have it, or a newer one? What this knows dies with the process;
// the next one looks at every pair again.

#include <map>

#include "ports/spool.hpp"

namespace keyfob::engine {

class SpoolRetention {
 public:
  /// 0: a pair leaves the spool with its commit.
  explicit SpoolRetention(Milliseconds keep_for) : keep_for_(keep_for) {}

  [[nodiscard]] bool on() const { return keep_for_ > Milliseconds(0); }
  /// It is not known that the store has this pair, or it is time to ask whether it still does.
  [[nodiscard]] bool wants_look(const SpooledPair& spooled, BootTime now) const;
  /// The store had it, or something newer, when it was looked at last.
  [[nodiscard]] bool settled(const SpooledPair& spooled) const { return noted(spooled) != nullptr; }
  /// The store has it now, or something newer. False: it may leave.
  bool keeps(const SpooledPair& spooled, BootTime now);
  /// The store has lost it.
  void forget(SpoolSlot slot) { notes_.erase(slot); }
  /// Everything may have changed in the store.
  void look_at_all();

 private:
  struct Note {
    GrantId grant;
    GrantVersion at;
    WallTime received_at{};
    BootTime since{};
    BootTime looked{};
  };
  /// A slot is used again and again: a note is about one pair.
  [[nodiscard]] const Note* noted(const SpooledPair& spooled) const;

  Milliseconds keep_for_;
  std::map<SpoolSlot, Note> notes_;
};

}  // namespace keyfob::engine
