// The rarer half of PostgresStore: the directory, key rotation, the audit trail.
#include "store/postgres/app_tokens.hpp"
#include "store/postgres/audit_statements.hpp"
#include "store/postgres/directory_dialogues.hpp"
#include "store/postgres/key_dialogues.hpp"
#include "store/postgres/machinery.hpp"
#include "store/postgres/outbox_statements.hpp"

namespace keyfob {

using pg::Dialogue;
using pg::Rows;

using RowSpan = std::span<Rows>;

namespace {

Result<void> nothing(RowSpan) { return {}; }

}  // namespace

// --- directory ---

Task<Result<std::vector<ApplicationRecord>>> PostgresStore::applications() {
  auto body = [](Dialogue& d) { return pg::applications(d); };
  return pg::talk<Result<std::vector<ApplicationRecord>>>(machinery_->readers, std::move(body));
}

Task<Result<void>> PostgresStore::put_application(ApplicationRecord record) {
  auto body = [record = std::move(record)](Dialogue& d) { return pg::put_application(d, record); };
  return pg::talk<Result<void>>(machinery_->writers, std::move(body));
}

Task<Result<void>> PostgresStore::remove_application(AppId app) {
  auto body = [app = std::move(app)](Dialogue& d) { return pg::remove_application(d, app); };
  return pg::talk<Result<void>>(machinery_->writers, std::move(body));
}

Task<Result<std::vector<CallerRecord>>> PostgresStore::callers() {
  auto body = [](Dialogue& d) { return pg::callers(d); };
  return pg::talk<Result<std::vector<CallerRecord>>>(machinery_->readers, std::move(body));
}

Task<Result<void>> PostgresStore::put_caller(CallerRecord record) {
  auto body = [record = std::move(record)](Dialogue& d) { return pg::put_caller(d, record); };
  return pg::talk<Result<void>>(machinery_->writers, std::move(body));
}

Task<Result<std::vector<WrappedDataKey>>> PostgresStore::data_keys() {
  auto body = [](Dialogue& d) { return pg::data_keys(d); };
  return pg::talk<Result<std::vector<WrappedDataKey>>>(machinery_->readers, std::move(body));
}

Task<Result<void>> PostgresStore::put_data_keys(std::vector<WrappedDataKey> keys) {
  auto body = [keys = std::move(keys)](Dialogue& d) { return pg::put_data_keys(d, keys); };
  return pg::talk<Result<void>>(machinery_->writers, std::move(body));
}

Task<Result<void>> PostgresStore::put_consent(ConsentState state) {
  auto body = [state = std::move(state)](Dialogue& d) { return pg::put_consent(d, state); };
  return pg::talk<Result<void>>(machinery_->writers, std::move(body), pg::News::no);
}

Task<Result<ConsentState>> PostgresStore::take_consent(Bytes state_hash, WallTime now) {
  auto body = [state_hash = std::move(state_hash), now](Dialogue& d) { return pg::take_consent(d, state_hash, now); };
  return pg::talk<Result<ConsentState>>(machinery_->writers, std::move(body), pg::News::no);
}

// --- key rotation ---

Task<Result<std::size_t>> PostgresStore::reseal(std::vector<ResealedGrant> grants) {
  auto question = pg::reseal_question(grants);
  if (question.calls.empty()) co_return std::size_t(0);
  auto read = [](RowSpan rows) -> Result<std::size_t> {
    std::size_t took = 0;
    for (const auto& answer : rows) took += answer.touched();
    return took;
  };
  auto took = co_await pg::ask<Result<std::size_t>>(machinery_->writers, std::move(question), std::move(read));
  co_return took;
}

Task<Result<std::vector<KeptPair>>> PostgresStore::late_under(DataKeyRef key, std::size_t limit) {
  auto question = pg::late_under_question(key, limit);
  auto read = [app = key.app](RowSpan rows) -> Result<std::vector<KeptPair>> {
    return pg::read_late_under(rows[0], app);
  };
  return pg::ask<Result<std::vector<KeptPair>>>(machinery_->readers, std::move(question), std::move(read));
}

Task<Result<bool>> PostgresStore::replace_late(KeptPair old, KeptPair fresh) {
  auto question = pg::replace_late_question(old, fresh);
  auto read = [](RowSpan rows) -> Result<bool> { return rows[0].touched() > 0; };
  return pg::ask<Result<bool>>(machinery_->writers, std::move(question), std::move(read));
}

Task<Result<bool>> PostgresStore::consents_under(AppId app, Bytes header, WallTime now) {
  auto question = pg::consents_under_question(app, header, now);
  auto read = [](RowSpan rows) -> Result<bool> { return rows[0].next(); };
  return pg::ask<Result<bool>>(machinery_->readers, std::move(question), std::move(read));
}

Task<Result<void>> PostgresStore::change_data_keys(AppId app, std::vector<WrappedDataKey> before,
                                                   std::vector<WrappedDataKey> after) {
  pg::KeyChange change{std::move(app), std::move(before), std::move(after)};
  auto body = [change = std::move(change)](Dialogue& d) { return pg::change_data_keys(d, change); };
  return pg::talk<Result<void>>(machinery_->writers, std::move(body));
}

Task<Result<void>> PostgresStore::retire_data_key(DataKeyRef key) {
  auto body = [key = std::move(key)](Dialogue& d) { return pg::retire_data_key(d, key); };
  return pg::talk<Result<void>>(machinery_->writers, std::move(body));
}

Task<Result<void>> PostgresStore::hold_data_keys(NodeId node, std::vector<DataKeyRef> keys, WallTime now) {
  auto body = [node = std::move(node), keys = std::move(keys), now](Dialogue& d) {
    return pg::hold_data_keys(d, node, keys, now);
  };
  return pg::talk<Result<void>>(machinery_->writers, std::move(body));
}

Task<Result<std::vector<DataKeyHolder>>> PostgresStore::data_key_holders() {
  auto body = [](Dialogue& d) { return pg::data_key_holders(d); };
  return pg::talk<Result<std::vector<DataKeyHolder>>>(machinery_->readers, std::move(body));
}

// --- audit ---

Task<Result<void>> PostgresStore::append(std::vector<AuditRecord> records) {
  auto body = [records = std::move(records)](Dialogue& d) { return pg::append_audit(d, records); };
  return pg::talk<Result<void>>(machinery_->writers, std::move(body), pg::News::no);
}

Task<Result<AuditPage>> PostgresStore::find_audit(AuditQuery query) {
  auto question = pg::audit_page_question(query);
  if (!question) co_return fail(std::move(question.error()));
  auto read = [limit = query.limit](RowSpan rows) -> Result<AuditPage> { return pg::read_audit_page(rows[0], limit); };
  auto page = co_await pg::ask<Result<AuditPage>>(machinery_->readers, std::move(*question), std::move(read));
  co_return page;
}

Task<Result<std::vector<AuditRecord>>> PostgresStore::chain(NodeId node, std::uint64_t after, std::size_t limit) {
  auto question = pg::audit_chain_question(node, after, limit);
  auto read = [](RowSpan rows) -> Result<std::vector<AuditRecord>> { return pg::read_audit(rows[0]); };
  return pg::ask<Result<std::vector<AuditRecord>>>(machinery_->readers, std::move(question), std::move(read));
}

Task<Result<std::vector<AuditHead>>> PostgresStore::heads() {
  auto question = pg::audit_heads_question();
  auto read = [](RowSpan rows) -> Result<std::vector<AuditHead>> { return pg::read_audit_heads(rows[0]); };
  return pg::ask<Result<std::vector<AuditHead>>>(machinery_->readers, std::move(question), std::move(read));
}

Task<Result<void>> PostgresStore::prune(NodeId node, std::uint64_t through) {
  auto question = pg::prune_audit_question(node, through);
  return pg::ask<Result<void>>(machinery_->writers, std::move(question), nothing);
}

// --- outbox ---

Task<Result<bool>> PostgresStore::tell(std::vector<OutboxRow> rows, std::optional<Mark> mark, WallTime now) {
  auto body = [rows = std::move(rows), mark = std::move(mark), now](Dialogue& d) {
    return pg::tell(d, rows, mark, now);
  };
  return pg::talk<Result<bool>>(machinery_->writers, std::move(body), pg::News::no);
}

Task<Result<std::vector<ClaimedRow>>> PostgresStore::claim_outbox(std::string destination, std::size_t limit,
                                                                  Milliseconds hold) {
  auto question = pg::claim_outbox_question(destination, limit, hold);
  auto read = [](RowSpan rows) -> Result<std::vector<ClaimedRow>> { return pg::read_claimed_rows(rows[0]); };
  return pg::ask<Result<std::vector<ClaimedRow>>>(machinery_->writers, std::move(question), std::move(read));
}

Task<Result<void>> PostgresStore::settle_outbox(std::vector<Settled> rows) {
  auto question = pg::settle_outbox_question(rows);
  if (question.calls.empty()) co_return Result<void>();
  auto settled = co_await pg::ask<Result<void>>(machinery_->writers, std::move(question), nothing);
  co_return settled;
}

Task<Result<std::vector<OutboxDepth>>> PostgresStore::outbox_depths() {
  auto question = pg::outbox_depths_question();
  auto read = [](RowSpan rows) -> Result<std::vector<OutboxDepth>> { return pg::read_outbox_depths(rows[0]); };
  return pg::ask<Result<std::vector<OutboxDepth>>>(machinery_->readers, std::move(question), std::move(read));
}

// --- application tokens ---

Task<Result<AppTokenAnswer>> PostgresStore::claim_app_token(AppTokenClaim claim) {
  auto body = [claim = std::move(claim)](Dialogue& d) { return pg::claim_app_token(d, claim); };
  return pg::talk<Result<AppTokenAnswer>>(machinery_->writers, std::move(body), pg::News::no);
}

Task<Result<std::uint64_t>> PostgresStore::put_app_token(AppId app, SharedAppToken token) {
  auto body = [app = std::move(app), token = std::move(token)](Dialogue& d) {
    return pg::put_app_token(d, app, token);
  };
  return pg::talk<Result<std::uint64_t>>(machinery_->writers, std::move(body), pg::News::no);
}

Task<Result<void>> PostgresStore::release_app_token(AppId app) {
  auto body = [app = std::move(app)](Dialogue& d) { return pg::release_app_token(d, app); };
  return pg::talk<Result<void>>(machinery_->writers, std::move(body), pg::News::no);
}

}  // namespace keyfob
