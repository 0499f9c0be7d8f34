#include "vault/association.hpp"

#include <algorithm>
#include <functional>
#include <string>

#include "vault/canonical.hpp"
#include "vault/pair.hpp"

namespace keyfob::vault {
namespace {

constexpr std::string_view kLabel = "keyfob/association";

Bytes authenticated_data(const Association& association, DataKeyId key) {
  Bytes out;
  put_text(out, kLabel);
  put_number(out, kRecordVersion, 1);
  put_number(out, key.value(), 4);
  put_text(out, association.app.view());
  put_text(out, association.grant.view());
  put_text(out, association.user.view());
  put_text(out, association.provider_user.view());
  put_number(out, association.vehicles.size(), 4);
  for (const VehicleId& vehicle : association.vehicles) put_text(out, vehicle.view());
  put_number(out, association.epoch.value(), 8);
  return out;
}

std::unexpected<Error> does_not_verify() {
  return fail(ErrorCode::damaged, "the association of grant, user and vehicles does not verify");
}

bool has_no_tokens(const GrantRecord& record) {
  return record.grant.status == GrantStatus::revoked && record.sealed.access.empty() && record.sealed.refresh.empty();
}

}  // namespace

Result<Bytes> association_mac(const Keyring& keyring, const Association& association) {
  const auto& vehicles = association.vehicles;
  if (std::ranges::adjacent_find(vehicles, std::greater_equal<>()) != vehicles.end()) {
    return fail(ErrorCode::invalid_argument, "the vehicles of an association are sorted and unique");
  }
  const DataKey* key = keyring.primary(association.app);
  if (key == nullptr) return fail(ErrorCode::not_found, "the application has no data key to vouch with");
  Bytes out;
  put_number(out, kRecordVersion, 1);
  put_number(out, key->id().value(), 4);
  const crypto::Digest mac = key->association().mac(authenticated_data(association, key->id()));
  out.insert(out.end(), mac.begin(), mac.end());
  return out;
}

Result<void> verify_association(const Keyring& keyring, const Association& association, ByteView mac) {
  if (mac.size() != kAssociationMacSize) return does_not_verify();
  const Result<DataKeyId> id = data_key_of(mac);
  if (!id) return fail(id.error());
  const DataKey* key = keyring.find(association.app, *id);
  if (key == nullptr) {
    return fail(ErrorCode::damaged,
                "an association names data key " + std::to_string(id->value()) + ", which is not known here");
  }
  const Bytes data = authenticated_data(association, *id);
  if (!key->association().verify(data, mac.subspan(kRecordHeaderSize))) return does_not_verify();
  return {};
}

Result<void> verify_record(const Keyring& keyring, const GrantRecord& record) {
  Result<void> association = verify_association(keyring, association_of(record.grant), record.association_mac);
  if (!association || has_no_tokens(record)) return association;
  const PairBinding binding = binding_of(record.grant);
  const Result<AccessToken> access = open_access(keyring, binding, record.sealed.access);
  if (!access) return fail(access.error());
  const Result<RefreshToken> refresh = open_refresh(keyring, binding, record.sealed.refresh);
  if (!refresh) return fail(refresh.error());
  return {};
}

}  // namespace keyfob::vault
