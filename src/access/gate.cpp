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

Gate::Gate(const Clock& clock, std::vector<std::uint32_t> admin_uids)
    : clock_(clock),
      admin_uids_(std::move(admin_uids)),
      local_admin_(admin_admission("local admin")),
      table_(std::make_shared<const AccessTable>()) {}

void Gate::update(AccessTable table) {
  table_.store(std::make_shared<const AccessTable>(std::move(table)));
  // After the table: whoever sees the new number finds the new table.
  revision_.fetch_add(1, std::memory_order_release);
}

std::uint64_t Gate::revision() const noexcept { return revision_.load(std::memory_order_acquire); }

std::expected<std::shared_ptr<const Admission>, AccessProblem> Gate::admit(const Evidence& evidence) {
  if (evidence.authorization.empty() && evidence.unix_uid && is_admin_uid(*evidence.unix_uid)) return local_admin_;
  const CallerCredential credential(evidence.authorization);
  auto admission = table_.load()->find(credential.key(), clock_.wall());
  if (admission != nullptr && credential.names_user()) admission = kept_to(*admission, credential.user());
  if (admission == nullptr) return std::unexpected(AccessProblem::unauthenticated);
  return admission;
}

bool Gate::is_admin_uid(std::uint32_t uid) const { return std::ranges::find(admin_uids_, uid) != admin_uids_.end(); }

}  // namespace keyfob::access
