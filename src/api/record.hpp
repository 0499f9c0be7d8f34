#pragma once
// What the API puts on record: one entry for each call of an endpoint that has a name in the audit trail, a count for
// each refusal, and each disclosure of a token before the token goes out.

#include "api/endpoint.hpp"

namespace keyfob::api {

/// Who calls what, with the request's id.
[[nodiscard]] std::shared_ptr<AuditEntry> begin_note(const Services& services, const Call& call);

/// Completes when the entry is durable, as far as the trail's policy says; a change that was made stays made.
Task<void> put_on_record(Services& services, const Endpoint& endpoint, std::shared_ptr<const AuditEntry> note,
                         const Outcome& outcome);
/// 401, 403 and 429 are counted, whatever was asked.
void count_refusal(Services& services, const Endpoint& endpoint, std::string_view actor, std::string_view request_id,
                   const Problem& problem);

/// This caller gets a token of this grant: on record before the answer goes out. store_unavailable: it could not be,
/// and the policy is to refuse.
Task<Answer<void>> record_disclosure(Services& services, const Call& call, const GrantToken& token);

}  // namespace keyfob::api
