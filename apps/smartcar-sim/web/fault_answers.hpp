#pragma once
// What a fault makes of an answer.

#include "http/beast_server.hpp"
#include "model/faults.hpp"
#include "web/sim.hpp"

namespace keyfob::sim {

/// `response` is the real one, or empty when the fault strikes before the request takes effect.
[[nodiscard]] http::StagedResponse misbehave(const Fault& fault, const Call& call, http::Response response);

/// {"errors":[...]} of the v3 API.
[[nodiscard]] http::Response v3_error(int status, std::string_view type, std::string_view code,
                                      std::string_view request_id, std::string_view detail = {});

}  // namespace keyfob::sim
