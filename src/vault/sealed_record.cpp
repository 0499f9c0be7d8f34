#include "vault/sealed_record.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "vault/canonical.hpp"

namespace keyfob::vault {
namespace {

constexpr std::string_view kLabel = "keyfob/record";
constexpr std::size_t kMaxAssociatedData = 4 + kLabel.size() + 1 + 4 + 3 * (4 + kMaxBoundText) + 8 + 8;
using AssociatedData = BoundedBytes<kMaxAssociatedData>;

bool fits(const Binding& binding) {
  return std::max({binding.purpose.size(), binding.app.view().size(), binding.subject.size()}) <= kMaxBoundText;
}

/// `binding` fits().
AssociatedData associated_data(const Binding& binding, DataKeyId key) {
  AssociatedData out;
  put_text(out, kLabel);
  put_number(out, kRecordVersion, 1);
  put_number(out, key.value(), 4);
  put_text(out, binding.purpose);
  put_text(out, binding.app.view());
  put_text(out, binding.subject);
  put_number(out, binding.version.epoch.value(), 8);
  put_number(out, binding.version.generation.value(), 8);
  return out;
}

Result<const DataKey*> key_for_opening(const Keyring& keyring, const AppId& app, ByteView sealed) {
  const Result<DataKeyId> id = data_key_of(sealed);
  if (!id) return fail(id.error());
  const DataKey* key = keyring.find(app, *id);
  if (key != nullptr) return key;
  return fail(ErrorCode::damaged, "sealed with data key " + std::to_string(id->value()) + ", which is not known here",
              "if the key was added by another process a moment ago, reload; else the record is damaged");
}

std::span<std::uint8_t> as_writable(std::span<char> text) {
  return {reinterpret_cast<std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

Result<DataKeyId> data_key_of(ByteView sealed) {
  if (sealed.size() < kRecordHeaderSize) return fail(ErrorCode::damaged, "a sealed record is cut short");
  if (sealed[0] != kRecordVersion) {
    return fail(ErrorCode::damaged, "a sealed record has the unknown version " + std::to_string(sealed[0]));
  }
  return DataKeyId(u32_of(sealed.subspan(1, 4)));
}

Result<Bytes> seal_record(const Keyring& keyring, const Binding& binding, std::string_view plaintext,
                          const Nonce& nonce) {
  if (!fits(binding)) return fail(ErrorCode::invalid_argument, "an id is longer than a sealed record can name");
  const DataKey* key = keyring.primary(binding.app);
  if (key == nullptr) return fail(ErrorCode::not_found, "the application has no data key to seal with");
  Bytes out;
  out.reserve(plaintext.size() + kRecordOverhead);
  put_number(out, kRecordVersion, 1);
  put_number(out, key->id().value(), 4);
  out.insert(out.end(), nonce.begin(), nonce.end());
  const std::size_t header = out.size();
  out.resize(plaintext.size() + kRecordOverhead);
  key->sealing().seal_into(nonce, associated_data(binding, key->id()).view(), as_bytes(plaintext),
                           std::span(out).subspan(header));
  return out;
}

Result<std::size_t> open_record_into(const Keyring& keyring, const Binding& binding, ByteView sealed,
                                     std::span<char> out) {
  if (sealed.size() < kRecordOverhead) return fail(ErrorCode::damaged, "a sealed record is cut short");
  if (!fits(binding)) return fail(ErrorCode::damaged, "an id is longer than a sealed record can name");
  const Result<const DataKey*> key = key_for_opening(keyring, binding.app, sealed);
  if (!key) return fail(key.error());
  const ByteView body = sealed.subspan(kRecordHeaderSize);
  return (*key)->sealing().open_into(body.first<crypto::kXaesNonceSize>(),
                                     associated_data(binding, (*key)->id()).view(),
                                     body.subspan(crypto::kXaesNonceSize), as_writable(out));
}

Result<Secret> open_record(const Keyring& keyring, const Binding& binding, ByteView sealed) {
  if (sealed.size() < kRecordOverhead) return fail(ErrorCode::damaged, "a sealed record is cut short");
  std::string plaintext(sealed.size() - kRecordOverhead, '\0');
  const Result<std::size_t> size = open_record_into(keyring, binding, sealed, plaintext);
  if (!size) return fail(size.error());
  Secret secret(plaintext);
  wipe(plaintext.data(), plaintext.size());
  return secret;
}

}  // namespace keyfob::vault
