#pragma once
// grant_pages: listing grants so that a caller that is kept to some users sees theirs and nobody else's.

#include "api/call.hpp"
#include "ports/grant_store.hpp"

namespace keyfob::api {

/// What the query asks for. bad_request: unknown status, limit out of range. forbidden: a user or application that the
/// caller may not see.
[[nodiscard]] Answer<GrantFilter> grant_filter_of(const Services& services, const Call& call);

/// One page. For a caller that is kept to users, and names none, theirs one after the other; the cursor then begins
/// with the user it is at. invalid_argument: a cursor that is none of ours.
[[nodiscard]] Task<Result<GrantPage>> visible_grants(const Services& services, const Call& call, GrantFilter filter);

}  // namespace keyfob::api
