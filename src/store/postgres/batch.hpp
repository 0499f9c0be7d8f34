#pragma once
// Batch: the statements of jobs that go in one transaction, and which answer is whose.
//
// Jobs with statements of their own go one behind the other. Rows (Job::common() is not null) are for one statement
// that takes an array for each value: `common` first, then the arrays. It answers a row for each row that it found,
// with its number, counted from 1, as the last column. One statement is planned, bound and run once, whatever it
// carries: five times cheaper than as many statements.

#include <span>
#include <vector>

#include "store/postgres/lanes.hpp"

namespace keyfob::postgres {

/// One transaction can do `more`, too: nobody talks to the session itself, and all have statements of their own, or all
/// are rows of the same statement, alike in what is common, and with keys that differ (an UPDATE sees a row once).
/// `jobs`: they go together, there is one at least.
[[nodiscard]] bool go_together(const Jobs& jobs, const Job& more);

class Batch {
 public:
  /// `jobs`: they go together, there is one at least, and they outlive this.
  explicit Batch(const Jobs& jobs);
  [[nodiscard]] std::span<const Call* const> calls() const { return calls_; }
  /// `rows`: one for each of calls(). Every job is answered and finished.
  void deliver(std::span<Rows> rows) const;

 private:
  const Jobs& jobs_;
  Call whole_;  ///< of rows
  std::vector<const Call*> calls_;
};

}  // namespace keyfob::postgres
