#pragma once
// Dialogue: one transaction of several round trips, for what is rare: changes of the directory, migrations.
//
// Failures are sticky: after the first, nothing more is sent and every answer is empty, so a function reads straight on
// and whoever runs it asks once at the end.

#include <optional>

#include "store/postgres/session.hpp"

namespace keyfob::postgres {

class Dialogue {
 public:
  /// Opens the transaction.
  explicit Dialogue(Session& session);
  Dialogue(const Dialogue&) = delete;
  Dialogue& operator=(const Dialogue&) = delete;

  template <class... Values>
  Rows ask(const char* sql, const Values&... values) {
    return send(call(sql, values...));
  }
  /// All in one round trip, whatever they answer.
  void tell(std::span<const Call> calls);
  /// What follows may take minutes.
  void take_your_time();
  /// What was done so far is kept although the function answers an error.
  void keep_despite_error() { keep_ = true; }
  [[nodiscard]] bool failed() const { return failure_.has_value(); }
  /// Commits, or rolls back when `keep` is false or something failed. Call it once.
  [[nodiscard]] Outcome end(bool keep);

 private:
  Rows send(const Call& call);
  std::vector<Rows> send_all(std::span<const Call* const> calls);

  Session& session_;
  std::optional<Outcome> failure_;
  bool keep_ = false;
};

}  // namespace keyfob::postgres
