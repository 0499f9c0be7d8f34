#pragma once
// StoreTiming: how a store tells what each call to it took, whichever store it is.

#include <chrono>
#include <string_view>

#include "base/result.hpp"
#include "ports/event_sink.hpp"

namespace keyfob {

enum class StoreAccess : bool { read, write };

/// One call, from being made to its answer, with what it waited in between. `metrics` may be null: nothing is told.
class StoreTiming {
 public:
  StoreTiming(Metrics* metrics, StoreAccess access)
      : metrics_(metrics), label_(access == StoreAccess::read ? "access=read" : "access=write") {}

  /// An answer that says what is there (not_found, conflict) is an answer; a store that could not do it is a failure.
  template <class Answer>
  void ended(const Answer& answer) const {
    if (metrics_ == nullptr) return;
    const auto took = std::chrono::steady_clock::now() - began_;
    metrics_->observe("store_duration", std::chrono::duration_cast<Milliseconds>(took), label_);
    if (!answer && is_failure(answer.error().code)) metrics_->count("store_errors", label_);
  }

 private:
  static bool is_failure(ErrorCode code) {
    return code == ErrorCode::unavailable || code == ErrorCode::damaged || code == ErrorCode::internal;
  }

  Metrics* metrics_;
  std::string_view label_;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

}  // namespace keyfob
