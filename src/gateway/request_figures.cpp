#include "gateway/request_figures.hpp"

#include <algorithm>
#include <array>

namespace keyfob::gateway {
namespace {

constexpr std::size_t kClasses = 7;
// Whole literals: putting a label together would allocate, and where its text lies finds its counter.
constexpr std::array<std::array<std::string_view, 6>, kClasses> kLabels = {{
    {"class=gateway,outcome=none", "class=gateway,outcome=1xx", "class=gateway,outcome=2xx",
     "class=gateway,outcome=3xx", "class=gateway,outcome=4xx", "class=gateway,outcome=5xx"},
    {"class=authz,outcome=none", "class=authz,outcome=1xx", "class=authz,outcome=2xx", "class=authz,outcome=3xx",
     "class=authz,outcome=4xx", "class=authz,outcome=5xx"},
    {"class=token,outcome=none", "class=token,outcome=1xx", "class=token,outcome=2xx", "class=token,outcome=3xx",
     "class=token,outcome=4xx", "class=token,outcome=5xx"},
    {"class=api,outcome=none", "class=api,outcome=1xx", "class=api,outcome=2xx", "class=api,outcome=3xx",
     "class=api,outcome=4xx", "class=api,outcome=5xx"},
    {"class=probe,outcome=none", "class=probe,outcome=1xx", "class=probe,outcome=2xx", "class=probe,outcome=3xx",
     "class=probe,outcome=4xx", "class=probe,outcome=5xx"},
    {"class=outside,outcome=none", "class=outside,outcome=1xx", "class=outside,outcome=2xx",
     "class=outside,outcome=3xx", "class=outside,outcome=4xx", "class=outside,outcome=5xx"},
    {"class=malformed,outcome=none", "class=malformed,outcome=1xx", "class=malformed,outcome=2xx",
     "class=malformed,outcome=3xx", "class=malformed,outcome=4xx", "class=malformed,outcome=5xx"},
}};
constexpr std::array<std::string_view, kClasses> kClassLabels = {
    "class=gateway", "class=authz", "class=token", "class=api", "class=probe", "class=outside", "class=malformed",
};

}  // namespace

RequestClass class_of_api(std::string_view path) {
  if (path == "/v1/token") return RequestClass::token;
  const bool probe = path == "/healthz" || path == "/readyz" || path == "/metrics";
  return probe ? RequestClass::probe : RequestClass::api;
}

void count_request(Metrics& metrics, RequestClass what, const http::Outcome& outcome) {
  const auto row = static_cast<std::size_t>(what);
  const auto column = static_cast<std::size_t>(std::clamp(outcome.status / 100, 0, 5));
  metrics.count("requests", kLabels[row][column]);
  metrics.observe("request_duration", outcome.duration, kClassLabels[row]);
}

}  // namespace keyfob::gateway
