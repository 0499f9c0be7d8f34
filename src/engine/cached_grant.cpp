#include "engine/cached_grant.hpp"

#include <algorithm>

namespace keyfob::engine {
namespace {

std::size_t packed_size(const std::vector<VehicleId>& vehicles) {
  std::size_t size = 0;
  for (const VehicleId& vehicle : vehicles) size += PackedTexts::size_of(vehicle.view());
  return size;
}

char* put(char* at, std::string_view text) { return at + text.copy(at, text.size()); }

}  // namespace

std::size_t CachedGrant::text_size(const GrantRecord& record) {
  const Grant& grant = record.grant;
  return grant.app.view().size() + grant.id.view().size() + grant.user.view().size() +
         grant.provider_user.view().size() + packed_size(grant.vehicles) + record.sealed.access.size() +
         grant.scope.size();
}

CachedGrantPtr CachedGrant::of(const GrantRecord& record) {
  return CachedGrantPtr(new (Behind{text_size(record)}) CachedGrant(record));
}

CachedGrant::CachedGrant(const GrantRecord& record)
    : status_(record.grant.status),
      app_size_(static_cast<std::uint16_t>(record.grant.app.view().size())),
      grant_size_(static_cast<std::uint16_t>(record.grant.id.view().size())),
      user_size_(static_cast<std::uint16_t>(record.grant.user.view().size())),
      provider_user_size_(static_cast<std::uint16_t>(record.grant.provider_user.view().size())),
      vehicles_size_(static_cast<std::uint32_t>(packed_size(record.grant.vehicles))),
      sealed_size_(static_cast<std::uint32_t>(record.sealed.access.size())),
      scope_size_(static_cast<std::uint32_t>(record.grant.scope.size())),
      version_(record.grant.version),
      access_expires_at_(record.grant.access_expires_at) {
  char* at = const_cast<char*>(bytes());
  at = put(at, record.grant.app.view());
  at = put(at, record.grant.id.view());
  at = put(at, record.grant.user.view());
  for (const VehicleId& vehicle : record.grant.vehicles) at = PackedTexts::put(at, vehicle.view());
  at = put(at, as_text(record.sealed.access));
  at = put(at, record.grant.provider_user.view());
  put(at, record.grant.scope);
}

GrantRecord CachedGrant::record() const {
  GrantRecord out;
  out.grant.app = AppId(app());
  out.grant.id = GrantId(grant());
  out.grant.user = UserId(user());
  out.grant.provider_user = ProviderUserId(provider_user());
  for (const std::string_view vehicle : vehicles()) out.grant.vehicles.emplace_back(vehicle);
  out.grant.scope = scope();
  out.grant.version = version_;
  out.grant.status = status_;
  out.grant.access_expires_at = access_expires_at_;
  const ByteView sealed = sealed_access();
  out.sealed.access.assign(sealed.begin(), sealed.end());
  return out;
}

bool CachedGrant::opens(std::string_view vehicle) const {
  return std::ranges::any_of(vehicles(), [vehicle](std::string_view one) { return one == vehicle; });
}

}  // namespace keyfob::engine
