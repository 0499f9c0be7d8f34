#pragma once
// The handler of GET /v1/grants/{id}/outlook: when a grant is looked at next, how its refreshes went, and what stands
// in the way. As those of handlers.hpp.

#include "api/call.hpp"

namespace keyfob::api {

Task<Outcome> get_outlook(Services& services, Call call);

}  // namespace keyfob::api
