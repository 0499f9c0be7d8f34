#pragma once
// NullMetrics: for commands and tests that nobody measures.

#include "ports/event_sink.hpp"

namespace keyfob::telemetry {

class NullMetrics final : public Metrics {
 public:
  void count(std::string_view, std::string_view, double) override {}
  void gauge(std::string_view, double, std::string_view) override {}
  void observe(std::string_view, Milliseconds, std::string_view) override {}
};

}  // namespace keyfob::telemetry
