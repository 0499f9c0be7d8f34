#include "engine/cached_grant.hpp"

#include <algorithm>
#include <cstring>

namespace keyfob::engine {
namespace {

std::size_t packed_size(const std::vector<VehicleId>& vehicles) {
  std::size_t size = 0;
  for (const VehicleId& vehicle : vehicles) size += PackedTexts::size_of(vehicle.view());
  return size;
}

std::size_t text_size(const Grant& grant) {
  return grant.app.view().size() + grant.id.view().size() + grant.user.view().size() +
         grant.provider_user.view().size() + packed_size(grant.vehicles) + grant.scope.size();
}

char* put(char* at, std::string_view text) { return at + text.copy(at, text.size()); }

}  // namespace

CachedGrantPtr CachedGrant::of(const Grant& grant, ByteView kept_token) {
  return CachedGrantPtr(new (Behind{text_size(grant) + kept_token.size()}) CachedGrant(grant, kept_token));
}

CachedGrant::CachedGrant(const Grant& grant, ByteView kept_token)
    : status_(grant.status),
      app_size_(static_cast<std::uint16_t>(grant.app.view().size())),
      grant_size_(static_cast<std::uint16_t>(grant.id.view().size())),
      user_size_(static_cast<std::uint16_t>(grant.user.view().size())),
      provider_user_size_(static_cast<std::uint16_t>(grant.provider_user.view().size())),
      vehicles_size_(static_cast<std::uint32_t>(packed_size(grant.vehicles))),
      kept_size_(static_cast<std::uint32_t>(kept_token.size())),
      scope_size_(static_cast<std::uint32_t>(grant.scope.size())),
      version_(grant.version),
      access_expires_at_(grant.access_expires_at) {
  char* at = const_cast<char*>(bytes());
  at = put(at, grant.app.view());
  at = put(at, grant.id.view());
  at = put(at, grant.user.view());
  for (const VehicleId& vehicle : grant.vehicles) at = PackedTexts::put(at, vehicle.view());
  at = put(at, as_text(kept_token));
  at = put(at, grant.provider_user.view());
  put(at, grant.scope);
}

Grant CachedGrant::copy() const {
  Grant out;
  out.app = AppId(app());
  out.id = GrantId(grant());
  out.user = UserId(user());
  out.provider_user = ProviderUserId(provider_user());
  for (const std::string_view vehicle : vehicles()) out.vehicles.emplace_back(vehicle);
  out.scope = scope();
  out.version = version_;
  out.status = status_;
  out.access_expires_at = access_expires_at_;
  return out;
}

void CachedGrant::show(TokenSlot& out) const {
  const char* texts = bytes();
  if (texts_size() <= out.texts.size()) {
    std::memcpy(out.texts.data(), texts, texts_size());
    texts = out.texts.data();
    out.source.reset();
  } else {
    out.source = CachedGrantPtr(this);
  }
  const auto moved = [&](std::string_view text) {
    return std::string_view(texts + (text.data() - bytes()), text.size());
  };
  out.grant = moved(grant());
  out.user = moved(user());
  out.provider_user = moved(provider_user());
  out.vehicles = PackedTexts(moved(part(vehicles_begin(), vehicles_size_)));
  out.scope = moved(scope());
  out.version = version_;
  out.expires_at = access_expires_at_;
}

bool CachedGrant::opens(std::string_view vehicle) const {
  return std::ranges::any_of(vehicles(), [vehicle](std::string_view one) { return one == vehicle; });
}

}  // namespace keyfob::engine
