#pragma once
// DamageSearch: reads every page of a store's file once, beside the store, and says what SQLite finds wrong with them.

#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace keyfob::sqlite {

/// A thread of its own, of the lowest priority, with a connection of its own that never writes. Ends soon after its
/// destruction begins, whatever is left to read.
class DamageSearch {
 public:
  /// What was found, one line each, a few at most. Called once, from the thread, and only when something was.
  using Report = std::function<void(std::vector<std::string>)>;
  DamageSearch(std::string path, Report report);

 private:
  std::jthread thread_;
};

}  // namespace keyfob::sqlite
