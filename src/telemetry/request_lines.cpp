#include "telemetry/request_lines.hpp"

#include <string>

namespace keyfob::telemetry {
namespace {

constexpr int kFailure = 500;

}  // namespace

bool RequestLines::wants(int status) const noexcept { return status >= kFailure || log_.wants(LogLevel::debug); }

/// Roughly: two threads that meet at the turn of a second may both begin it.
bool RequestLines::within_budget() {
  const std::int64_t now = std::chrono::duration_cast<seconds>(boot_().time_since_epoch()).count();
  if (second_.exchange(now, std::memory_order_relaxed) != now) told_.store(0, std::memory_order_relaxed);
  return told_.fetch_add(1, std::memory_order_relaxed) < kFailuresPerSecond;
}

void RequestLines::write(const RequestLine& line) {
  const bool debug = log_.wants(LogLevel::debug);
  const bool failure_of_ours = line.status >= kFailure && !line.code.empty();
  if (!debug && (!failure_of_ours || !within_budget())) return;
  log_.write(failure_of_ours ? LogLevel::info : LogLevel::debug, "request",
             {{"request_id", line.request_id},
              {"method", line.method},
              {"route", line.route},
              {"status", std::to_string(line.status)},
              {"code", line.code},
              {"milliseconds", std::to_string(line.duration.count())},
              {"caller", line.caller},
              {"grant", line.grant},
              {"traceparent", line.traceparent}});
}

}  // namespace keyfob::telemetry
