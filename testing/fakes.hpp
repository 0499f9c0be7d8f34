#pragma once
// Small doubles of ports: seeded randomness, a spool in memory, a master key in memory, sinks that remember.

#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "ports/clock.hpp"
#include "ports/event_sink.hpp"
#include "ports/key_provider.hpp"
#include "ports/spool.hpp"

namespace keyfob::testing {

/// Reproducible; not for production by any means.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
  void fill(std::span<std::uint8_t> out) override {
    for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(engine_());
  }

 private:
  std::mt19937_64 engine_;
};

/// What the disk of one node holds; outlives an engine, so a restart finds it.
class MemorySpool final : public Spool {
 public:
  explicit MemorySpool(SpoolSlot slots = 64) : slots_(slots) {}
  Result<SpoolSlot> reserve() override;
  Task<Result<void>> keep(SpoolSlot slot, KeptPair pair) override;
  Task<void> release(SpoolSlot slot) override;
  [[nodiscard]] std::vector<SpooledPair> entries() const override;

  bool broken = false;  ///< the disk refuses writes
  /// The process died: reservations are gone, what was kept stays.
  void crash() { reserved_.clear(); }

 private:
  SpoolSlot slots_;
  std::set<SpoolSlot> reserved_;
  std::map<SpoolSlot, KeptPair> kept_;
};

/// Wraps by adding a prefix: it tests who asks for what, not cryptography.
class FakeMasterKey final : public KeyProvider {
 public:
  explicit FakeMasterKey(std::string name = "master-1") : name_(std::move(name)) {}
  [[nodiscard]] std::string fingerprint() const override { return name_; }
  Task<Result<Bytes>> wrap(Secret key, Bytes context) override;
  Task<Result<Secret>> unwrap(Bytes wrapped, Bytes context) override;

  std::function<Task<void>()> while_wrapping;  ///< what else happens at that moment

 private:
  std::string name_;
};

class RecordingEvents final : public EventSink {
 public:
  void emit(const Event& event) override { events.push_back(event); }
  [[nodiscard]] std::size_t count(std::string_view name) const;
  std::vector<Event> events;
};

class RecordingMetrics final : public Metrics {
 public:
  void count(std::string_view name, std::string_view label, double by) override {
    counts[std::string(name) + (label.empty() ? "" : "." + std::string(label))] += by;
  }
  void gauge(std::string_view name, double value, std::string_view label) override {
    gauges[std::string(name) + (label.empty() ? "" : "." + std::string(label))] = value;
  }
  void observe(std::string_view, Milliseconds, std::string_view) override {}
  std::map<std::string, double> counts;
  std::map<std::string, double> gauges;
};

}  // namespace keyfob::testing
