#pragma once
// EventRecorder: puts what the engine does by itself on record: refreshes, changes of status, suspensions.

#include <atomic>

#include "ports/audit.hpp"
#include "ports/event_sink.hpp"

namespace keyfob::audit {

/// An event's detail stays out of the trail: it may quote a peer.
class EventRecorder final : public EventSink {
 public:
  /// Until then events are not recorded. `log` outlives the last event.
  void record_to(AuditLog* log) { log_.store(log, std::memory_order_release); }

  void emit(const Event& event) override {
    AuditLog* const log = log_.load(std::memory_order_acquire);
    if (log == nullptr) return;
    AuditEntry entry;
    entry.at = event.at;
    entry.actor = "keyfob";
    entry.action = event.name;
    entry.outcome = "ok";
    entry.app = event.app;
    entry.grant = event.grant;
    entry.user = event.user;
    log->record(std::move(entry));
  }

 private:
  std::atomic<AuditLog*> log_ = nullptr;
};

}  // namespace keyfob::audit
