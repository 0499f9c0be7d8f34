#pragma once
// RequestLines: requests as lines of the log. At debug every one; otherwise those that Keyfob itself answered with a
// 5xx, so that the id in a caller's error leads to something, but no more than a handful a second: an outage must not
// fill the disk.

#include <atomic>
#include <cstdint>
#include <functional>
#include <utility>

#include "ports/request_log.hpp"
#include "telemetry/log.hpp"

namespace keyfob::telemetry {

class RequestLines final : public RequestLog {
 public:
  static constexpr std::uint32_t kFailuresPerSecond = 20;

  /// The log must outlive it. `boot`: what time it is, on any thread.
  RequestLines(Log& log, std::function<BootTime()> boot) : log_(log), boot_(std::move(boot)) {}
  [[nodiscard]] bool wants(int status) const noexcept override;
  void write(const RequestLine& line) override;

 private:
  [[nodiscard]] bool within_budget();

  Log& log_;
  std::function<BootTime()> boot_;
  std::atomic<std::int64_t> second_ = 0;
  std::atomic<std::uint32_t> told_ = 0;
};

}  // namespace keyfob::telemetry
