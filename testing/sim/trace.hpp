#pragma once
// Trace: a readable record of a run, kept only when somebody will read it.

#include <string>
#include <vector>

#include "testing/sim/timeline.hpp"

namespace keyfob::simulated {

class Trace {
 public:
  Trace(const Timeline& time, bool on) : time_(time), on_(on) {}
  [[nodiscard]] bool on() const { return on_; }
  /// `node` < 0: the world itself.
  void say(int node, const std::string& what);
  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }

 private:
  const Timeline& time_;
  bool on_;
  std::vector<std::string> lines_;
};

}  // namespace keyfob::simulated
