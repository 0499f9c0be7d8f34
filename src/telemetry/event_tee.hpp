#pragma once
// EventTee: one sink that passes every event on to several.

#include <utility>
#include <vector>

#include "ports/event_sink.hpp"

namespace keyfob::telemetry {

/// The sinks must outlive the tee. As thread-safe as they are.
class EventTee final : public EventSink {
 public:
  explicit EventTee(std::vector<EventSink*> sinks) : sinks_(std::move(sinks)) {}
  void emit(const Event& event) override {
    for (EventSink* sink : sinks_) sink->emit(event);
  }

 private:
  std::vector<EventSink*> sinks_;
};

/// Counts events as keyfob_events_total{event="..."}.
class EventCounter final : public EventSink {
 public:
  explicit EventCounter(Metrics& metrics) : metrics_(metrics) {}
  void emit(const Event& event) override { metrics_.count("keyfob_events_total", "event=" + event.name); }

 private:
  Metrics& metrics_;
};

}  // namespace keyfob::telemetry
