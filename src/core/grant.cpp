#include "core/grant.hpp"

#include <array>
#include <utility>

namespace keyfob {
namespace {

constexpr std::array<std::pair<GrantStatus, std::string_view>, 5> kStatusNames = {{
    {GrantStatus::active, "active"},
    {GrantStatus::suspect, "suspect"},
    {GrantStatus::needs_reauth, "needs_reauth"},
    {GrantStatus::revoking, "revoking"},
    {GrantStatus::revoked, "revoked"},
}};

}  // namespace

std::string_view to_string(GrantStatus status) {
  for (const auto& [value, name] : kStatusNames) {
    if (value == status) return name;
  }
  return "unknown";
}

std::optional<GrantStatus> grant_status_from(std::string_view name) {
  for (const auto& [value, text] : kStatusNames) {
    if (text == name) return value;
  }
  return std::nullopt;
}

Association association_of(const Grant& grant) {
  return {grant.app, grant.id, grant.user, grant.provider_user, grant.vehicles, grant.version.epoch};
}

}  // namespace keyfob
