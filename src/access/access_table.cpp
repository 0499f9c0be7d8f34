#include "access/access_table.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/api_key.hpp"

namespace keyfob::access {
namespace {

std::optional<crypto::Digest> digest_of(const Bytes& stored) {
  crypto::Digest digest{};
  if (stored.size() != digest.size()) return std::nullopt;
  std::ranges::copy(stored, digest.begin());
  return digest;
}

Admission admission_of(const Caller& caller, const AppFacts& app) {
  Admission admission{.caller = caller.id,
                      .name = caller.name,
                      .app = caller.app,
                      .provider = app.provider,
                      .v3_credentials = app.v3_credentials,
                      .permissions = {},
                      .users = {},
                      .routes = caller.routes,
                      .expires_at = caller.expires_at};
  for (const Permission permission : caller.permissions) admission.permissions.add(permission);
  for (const UserId& user : caller.users) admission.users.insert(user.str());
  return admission;
}

std::optional<WallTime> earlier(std::optional<WallTime> a, std::optional<WallTime> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

bool is_admin(const Caller& caller) {
  return std::ranges::find(caller.permissions, Permission::admin) != caller.permissions.end();
}

/// The application's facts, null when the caller cannot be admitted: its application is gone, or it has none and is no
/// admin.
const AppFacts* app_of(const Caller& caller, const std::unordered_map<AppId, const AppFacts*>& apps) {
  static const AppFacts kNone;
  if (caller.app.empty()) return is_admin(caller) ? &kNone : nullptr;
  const auto found = apps.find(caller.app);
  return found == apps.end() ? nullptr : found->second;
}

}  // namespace

AccessTable::Entry AccessTable::entry_of(const CallerRecord& record, const AppFacts& app) {
  const Admission admission = admission_of(record.caller, app);
  Entry entry;
  if (const auto hash = digest_of(record.secret_hash)) {
    entry.current = {*hash, std::make_shared<const Admission>(admission)};
  }
  if (const auto hash = digest_of(record.previous_secret_hash); hash && record.previous_until) {
    Admission ending = admission;
    ending.expires_at = earlier(admission.expires_at, record.previous_until);
    entry.previous = {*hash, std::make_shared<const Admission>(std::move(ending))};
  }
  return entry;
}

AccessTable::AccessTable(const AccessFacts& facts) {
  std::unordered_map<AppId, const AppFacts*> apps;
  for (const AppFacts& app : facts.applications) apps.emplace(app.id, &app);
  for (const CallerRecord& record : facts.callers) {
    const AppFacts* app = app_of(record.caller, apps);
    if (record.caller.disabled || record.caller.permissions.empty() || app == nullptr) continue;
    entries_.emplace(record.caller.id.str(), entry_of(record, *app));
    by_name_.emplace(record.caller.name, std::make_shared<const Admission>(admission_of(record.caller, *app)));
  }
}

std::shared_ptr<const Admission> AccessTable::find(std::string_view api_key, WallTime now) const {
  static const Entry kNobody;
  const auto parts = parse_api_key(api_key);
  if (!parts) return nullptr;
  const auto found = entries_.find(parts->id);
  const Entry& entry = found == entries_.end() ? kNobody : found->second;
  const crypto::Digest hash = crypto::sha256(as_bytes(parts->secret));
  // Both comparisons always: neither an unknown id nor a rotation under way shows in the time it takes.
  const bool is_current = equal_constant_time(hash, entry.current.hash);
  const bool is_previous = equal_constant_time(hash, entry.previous.hash);
  const Key& key = is_current || !is_previous ? entry.current : entry.previous;
  if ((!is_current && !is_previous) || key.admission == nullptr) return nullptr;
  if (key.admission->expires_at && *key.admission->expires_at <= now) return nullptr;
  return key.admission;
}

std::shared_ptr<const Admission> AccessTable::find_named(std::string_view name, WallTime now) const {
  const auto found = by_name_.find(name);
  if (found == by_name_.end() || (found->second->expires_at && *found->second->expires_at <= now)) return nullptr;
  return found->second;
}

std::shared_ptr<const Admission> admin_admission(std::string name) {
  Admission admission{};
  admission.caller = CallerId("local");
  admission.name = std::move(name);
  admission.permissions.add(Permission::admin);
  return std::make_shared<const Admission>(std::move(admission));
}

}  // namespace keyfob::access
