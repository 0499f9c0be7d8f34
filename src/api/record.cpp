#include "api/record.hpp"

#include "base/bytes.hpp"

namespace keyfob::api {
namespace {

/// What the path names: a grant, or something that has a name.
void name_subject(const Call& call, AuditEntry& note) {
  if (call.captures.empty()) return;
  if (call.request.path().starts_with("/v1/grants/")) {
    note.grant = GrantId(call.captures.front());
  } else {
    note.subject = call.captures.front();
  }
}

}  // namespace

std::shared_ptr<AuditEntry> begin_note(const Services& services, const Call& call) {
  auto note = std::make_shared<AuditEntry>();
  note->at = services.clock.wall();
  note->actor = call.admission == nullptr ? "owner" : call.admission->name;
  if (call.admission != nullptr) note->app = call.admission->app;
  note->request_id = call.request.header(http::kRequestIdHeader).value_or(std::string_view());
  name_subject(call, *note);
  return note;
}

Task<void> put_on_record(Services& services, const Endpoint& endpoint, std::shared_ptr<const AuditEntry> note,
                         const Outcome& outcome) {
  AuditLog* const log = services.options.audit;
  if (log == nullptr || endpoint.audit.empty() || note->count == 0) co_return;
  AuditEntry entry = *note;
  entry.action = endpoint.audit;
  if (entry.outcome.empty()) entry.outcome = outcome ? "ok" : outcome.error().code;
  log->record(std::move(entry));
  const Result<void> settled = co_await log->settled();
  static_cast<void>(settled);
}

void count_refusal(Services& services, const Endpoint& endpoint, std::string_view actor, std::string_view request_id,
                   const Problem& problem) {
  AuditLog* const log = services.options.audit;
  const bool refused = problem.status == 401 || problem.status == 403 || problem.status == 429;
  if (log == nullptr || !refused) return;
  const std::string asked = std::string(endpoint.method) + " " + std::string(endpoint.path);
  log->count_refusal({.actor = actor, .code = problem.code, .asked = asked, .request_id = request_id});
}

Task<Answer<void>> record_disclosure(Services& services, const Call& call, const GrantToken& token) {
  AuditLog* const log = services.options.audit;
  if (log == nullptr) co_return Answer<void>();
  const std::string& actor = call.admission->name;
  if (log->count_disclosure({actor, token.ref.app.view(), token.ref.grant.view()})) co_return Answer<void>();
  AuditEntry entry = *call.note;
  entry.action = "token.disclosed";
  entry.outcome = "ok";
  entry.app = token.ref.app;
  entry.grant = token.ref.grant;
  entry.user = token.user;
  const Result<void> written = co_await log->record_disclosure(std::move(entry));
  if (written) co_return Answer<void>();
  Problem refusal = problem("store_unavailable", "the disclosure cannot be put on record, so nothing is disclosed");
  refusal.retry_after = seconds(1);
  co_return std::unexpected(std::move(refusal));
}

}  // namespace keyfob::api
