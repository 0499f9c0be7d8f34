#include "audit/entries.hpp"

#include <utility>

#include "audit/chain.hpp"

namespace keyfob::audit {
namespace {

std::string_view action_of(TallyKind kind) {
  switch (kind) {
    case TallyKind::used: return "token.used";
    case TallyKind::disclosed: return "token.disclosed";
    case TallyKind::refused: return "request.refused";
  }
  return "request.refused";
}

}  // namespace

AuditEntry entry_of(TallyCount count) {
  AuditEntry entry;
  entry.at = count.minute;
  entry.actor = std::move(count.actor);
  entry.action = action_of(count.kind);
  entry.app = AppId(std::move(count.app));
  entry.count = count.count;
  if (count.kind == TallyKind::refused) {
    entry.outcome = std::move(count.object);
  } else {
    entry.outcome = "ok";
    entry.grant = GrantId(std::move(count.object));
  }
  return entry;
}

AuditEntry entry_about_the_trail(WallTime at, std::string_view action, std::string_view outcome) {
  AuditEntry entry;
  entry.at = at;
  entry.actor = "keyfob";
  entry.action = action;
  entry.outcome = outcome;
  return entry;
}

AuditEntry particulars_of(const Refusal& refusal, WallTime now) {
  AuditEntry entry;
  entry.at = now;
  entry.actor = refusal.actor;
  entry.action = action_of(TallyKind::refused);
  entry.outcome = refusal.code;
  entry.user = UserId(refusal.user);
  entry.subject = refusal.asked;
  entry.count = 0;
  entry.request_id = refusal.request_id;
  return entry;
}

Bytes content_of(const AuditEntry& entry) { return encode({NodeId(), 0, DataKeyId(), entry, {}}); }

}  // namespace keyfob::audit
