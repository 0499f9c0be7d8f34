#include "vault/data_key.hpp"

#include <limits>
#include <utility>

#include "vault/canonical.hpp"

namespace keyfob::vault {
namespace {

constexpr std::string_view kSealingInfo = "keyfob/1/sealing";
constexpr std::string_view kAssociationInfo = "keyfob/1/association";
constexpr std::string_view kWrapLabel = "keyfob/data-key";

bool fits_32_bits(DataKeyId id) { return id.value() != 0 && id.value() <= std::numeric_limits<std::uint32_t>::max(); }

}  // namespace

Secret new_data_key(std::span<const std::uint8_t, kDataKeySize> random) { return Secret(as_text(random)); }

Bytes wrap_context(const AppId& app, DataKeyId id) {
  Bytes context;
  put_text(context, kWrapLabel);
  put_text(context, app.view());
  put_number(context, id.value(), 4);
  return context;
}

DataKey::DataKey(DataKeyId id, crypto::XaesKey sealing, crypto::MacKey association)
    : id_(id), sealing_(std::move(sealing)), association_(std::move(association)) {}

Result<DataKey> DataKey::from_raw(DataKeyId id, const Secret& raw) {
  if (!fits_32_bits(id)) return fail(ErrorCode::invalid_argument, "a data key's id is 1 to 4294967295");
  if (raw.size() != kDataKeySize) return fail(ErrorCode::invalid_argument, "a data key has 32 bytes");
  const ByteView key = as_bytes(reveal_secret(raw));
  Result<crypto::XaesKey> sealing = crypto::XaesKey::from_bytes(crypto::derive_key(key, kSealingInfo).bytes());
  if (!sealing) return fail(std::move(sealing.error()));
  Result<crypto::MacKey> association = crypto::MacKey::from_bytes(crypto::derive_key(key, kAssociationInfo).bytes());
  if (!association) return fail(std::move(association.error()));
  return DataKey(id, std::move(*sealing), std::move(*association));
}

}  // namespace keyfob::vault
