#pragma once
// Interruption: Ctrl-C and SIGTERM as a question instead of an end, for work that has to tidy up behind itself.

#include <csignal>

namespace keyfob::cli {

/// Blocks SIGINT, SIGTERM and SIGHUP in this thread and those it starts, while it lives. Made before any thread is.
class Interruption {
 public:
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  /// Whether one of them has arrived.
  [[nodiscard]] bool asked() const;

 private:
  sigset_t watched_{};
  sigset_t before_{};
};

}  // namespace keyfob::cli
