#pragma once
// The id of a request: what the caller sent as X-Request-Id, or one of ours. It is in answers, records and the log.

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/time.hpp"

namespace keyfob::http {

inline constexpr std::string_view kRequestIdHeader = "X-Request-Id";
inline constexpr std::size_t kRequestIdLength = 64;

/// 1 to 64 visible characters: others are not kept.
[[nodiscard]] bool is_request_id(std::string_view text);

/// Unique within the process, and almost surely beyond it. Any thread.
class RequestIds {
 public:
  /// `series` tells the ids of several sources apart.
  explicit RequestIds(std::string_view series = {}) : series_(series) {}
  [[nodiscard]] std::string next(WallTime now);

 private:
  const std::string series_;
  std::atomic<std::uint64_t> count_ = 0;
};

}  // namespace keyfob::http
