#include "access/gate.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "access/credential.hpp"
#include "core/limits.hpp"

namespace keyfob::access {
namespace {

/// The same caller, kept to one user; null when it may not see that user, or is an admin, who is not kept to anybody.
std::shared_ptr<const Admission> kept_to(const Admission& whole, std::string_view user) {
  const bool fits = !user.empty() && user.size() <= limits::kUserId && whole.may_see(user);
  if (!fits || whole.app.empty() || whole.permissions.has(Permission::admin)) return nullptr;
  Admission kept = whole;
  kept.users = {std::string(user)};
  return std::make_shared<const Admission>(std::move(kept));
}

}  // namespace

Gate::Gate(const Clock& clock, std::vector<std::uint32_t> admin_uids,
           std::unordered_map<std::uint32_t, std::string> unix_callers)
    : clock_(clock),
      admin_uids_(std::move(admin_uids)),
      unix_callers_(std::move(unix_callers)),
      local_admin_(admin_admission("local admin")),
      table_(std::make_shared<const AccessTable>()) {}

void Gate::update(AccessTable table) {
  table_.store(std::make_shared<const AccessTable>(std::move(table)));
  // After the table: whoever sees the new number finds the new table.
  revision_.fetch_add(1, std::memory_order_release);
}

std::uint64_t Gate::revision() const noexcept { return revision_.load(std::memory_order_acquire); }

std::shared_ptr<const Admission> Gate::by_key(std::string_view authorization) const {
  const CallerCredential credential(authorization);
  auto admission = table_.load()->find(credential.key(), clock_.wall());
  if (admission != nullptr && credential.names_user()) return kept_to(*admission, credential.user());
  return admission;
}

std::shared_ptr<const Admission> Gate::by_connection(const Evidence& evidence) const {
  if (evidence.unix_uid) {
    if (is_admin_uid(*evidence.unix_uid)) return local_admin_;
    const auto known = unix_callers_.find(*evidence.unix_uid);
    return known == unix_callers_.end() ? nullptr : table_.load()->find_named(known->second, clock_.wall());
  }
  return table_.load()->find_named(evidence.certificate_name, clock_.wall());
}

std::expected<std::shared_ptr<const Admission>, AccessProblem> Gate::admit(const Evidence& evidence) {
  const BootTime now = clock_.boot();
  if (failures_.spent(evidence.peer, now)) return std::unexpected(AccessProblem::throttled);
  auto admission = evidence.authorization.empty() ? by_connection(evidence) : by_key(evidence.authorization);
  if (admission != nullptr) return admission;
  failures_.failed(evidence.peer, now);
  return std::unexpected(AccessProblem::unauthenticated);
}

bool Gate::is_admin_uid(std::uint32_t uid) const { return std::ranges::find(admin_uids_, uid) != admin_uids_.end(); }

}  // namespace keyfob::access
