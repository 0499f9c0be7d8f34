#pragma once
// Request figures: every request of a listener, counted by its class and how it ended, and how long it took.

#include <cstdint>
#include <string_view>

#include "http/exchange.hpp"
#include "ports/event_sink.hpp"

namespace keyfob::gateway {

/// What a request is about: a closed set, the label `class` of docs/reference/metrics.md.
enum class RequestClass : std::uint8_t { gateway, authz, token, api, probe, outside, malformed };

/// Of a request for one of the API's own paths: token, probe (/healthz, /readyz, /metrics) or api.
[[nodiscard]] RequestClass class_of_api(std::string_view path);

/// No allocation and no lock, as Metrics promises. A status of 0 is counted as "none": the caller had hung up.
void count_request(Metrics& metrics, RequestClass what, const http::Outcome& outcome);

}  // namespace keyfob::gateway
