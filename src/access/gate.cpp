#include "access/gate.hpp"

#include <algorithm>
#include <utility>

namespace keyfob::access {
namespace {

constexpr std::string_view kBearer = "bearer";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

std::string_view bearer_token(std::string_view authorization) {
  if (authorization.size() <= kBearer.size() || authorization[kBearer.size()] != ' ') return {};
  const auto same = [](char a, char b) { return lower(a) == b; };
  if (!std::ranges::equal(authorization.substr(0, kBearer.size()), kBearer, same)) return {};
  authorization.remove_prefix(std::min(authorization.find_first_not_of(' ', kBearer.size()), authorization.size()));
  return authorization;
}

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
  auto admission = table_.load()->find(bearer_token(evidence.authorization), clock_.wall());
  if (admission == nullptr) return std::unexpected(AccessProblem::unauthenticated);
  return admission;
}

bool Gate::is_admin_uid(std::uint32_t uid) const { return std::ranges::find(admin_uids_, uid) != admin_uids_.end(); }

}  // namespace keyfob::access
