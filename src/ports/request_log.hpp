#pragma once
// RequestLog: one line for a request that has been answered, so that it can be followed by its id.

#include <cstdint>
#include <string_view>

#include "base/time.hpp"

namespace keyfob {

/// Never a path as it came: a user or a vehicle may be in it. Empty: not known.
struct RequestLine {
  std::string_view method;
  std::string_view route;  ///< as the table of routes has it: "/v2.0/vehicles/{vehicle}/**", "/v1/grants/{id}"
  std::string_view caller;
  std::string_view grant;
  std::string_view code;  ///< of an answer of ours that is an error
  int status = 0;
  Milliseconds duration{};
  std::string_view request_id;
  std::string_view traceparent;  ///< W3C Trace Context, as the caller sent it
};

class RequestLog {
 public:
  virtual ~RequestLog() = default;
  /// Whether requests that end with this status are told at present. Any thread, a few nanoseconds.
  [[nodiscard]] virtual bool wants(int status) const noexcept = 0;
  /// Any thread; does not block.
  virtual void write(const RequestLine& line) = 0;
};

}  // namespace keyfob
