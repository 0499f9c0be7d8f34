#pragma once
// ChangeNotices: what a store may have beyond its ports: it says at once when changes_since() has something to tell.

#include <functional>

namespace keyfob {

class ChangeNotices {
 public:
  virtual ~ChangeNotices() = default;
  /// `wake` is called soon after another writer has changed something, on a thread of the store, and must not block. A
  /// notice may be lost and may come for nothing. Empty: no more calls once this returns.
  virtual void on_change(std::function<void()> wake) = 0;
};

}  // namespace keyfob
