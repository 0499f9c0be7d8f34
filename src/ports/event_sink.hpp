#pragma once
// EventSink and Metrics: where the engine says what happened.

#include <string_view>

#include "base/time.hpp"
#include "core/event.hpp"

namespace keyfob {

class EventSink {
 public:
  virtual ~EventSink() = default;
  /// Any thread; does not block; never fails the caller.
  virtual void emit(const Event& event) = 0;
};

/// Counters and timings by documented names; labels are "k=v" from a closed set, never a user, a vehicle or a token.
class Metrics {
 public:
  virtual ~Metrics() = default;
  virtual void count(std::string_view name, std::string_view label = {}, double by = 1.0) = 0;
  virtual void gauge(std::string_view name, double value, std::string_view label = {}) = 0;
  virtual void observe(std::string_view name, Milliseconds value, std::string_view label = {}) = 0;
};

}  // namespace keyfob
