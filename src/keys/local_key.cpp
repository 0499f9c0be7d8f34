#include "keys/local_key.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "crypto/hash.hpp"
#include "crypto/random.hpp"

namespace keyfob::keys {
namespace {

constexpr std::string_view kTextPrefix = "keyfob-master-key-1 ";
constexpr std::size_t kMasterKeySize = 32;
constexpr std::size_t kFingerprintSize = 16;
constexpr std::string_view kWrappingInfo = "keyfob/1/wrapping";
constexpr std::string_view kFingerprintInfo = "keyfob/1/fingerprint";
constexpr std::string_view kWrapLabel = "keyfob/wrapped-key";
constexpr std::uint8_t kWrapVersion = 1;
constexpr std::size_t kHeaderSize = 1 + crypto::kXaesNonceSize;

void put_text(Bytes& out, std::string_view text) {
  for (unsigned left = 4; left-- > 0;) out.push_back(static_cast<std::uint8_t>((text.size() >> (8 * left)) & 0xffU));
  out.insert(out.end(), text.begin(), text.end());
}

Bytes associated_data(ByteView context) {
  Bytes out;
  put_text(out, kWrapLabel);
  out.push_back(kWrapVersion);
  put_text(out, as_text(context));
  return out;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::optional<crypto::SecureBytes> key_of(std::string_view text) {
  const std::string_view line = trimmed(text);
  if (!line.starts_with(kTextPrefix)) return std::nullopt;
  std::optional<Bytes> decoded = from_base64(line.substr(kTextPrefix.size()));
  if (!decoded) return std::nullopt;
  std::optional<crypto::SecureBytes> key;
  if (decoded->size() == kMasterKeySize) key.emplace(*decoded);
  wipe(decoded->data(), decoded->size());
  return key;
}

std::string fingerprint_of(ByteView key) {
  return to_hex(crypto::derive_key(key, kFingerprintInfo, kFingerprintSize).bytes());
}

std::unexpected<Error> does_not_unwrap() {
  return fail(ErrorCode::damaged, "a wrapped data key does not open with this master key",
              "it was wrapped by another master key, or it is damaged");
}

}  // namespace

Secret new_key_text() {
  crypto::SecureBytes key(kMasterKeySize);
  crypto::random_bytes(key.bytes());
  std::string encoded = to_base64(key.bytes());
  std::string text;
  text.reserve(kTextPrefix.size() + encoded.size() + 1);
  text.append(kTextPrefix).append(encoded).append("\n");
  Secret secret(text);
  wipe(encoded.data(), encoded.size());
  wipe(text.data(), text.size());
  return secret;
}

LocalKeyProvider::LocalKeyProvider(crypto::XaesKey wrapping, std::string fingerprint)
    : wrapping_(std::move(wrapping)), fingerprint_(std::move(fingerprint)) {}

Result<std::unique_ptr<LocalKeyProvider>> LocalKeyProvider::from_text(const Secret& text) {
  const std::optional<crypto::SecureBytes> key = key_of(reveal_secret(text));
  if (!key) return fail(ErrorCode::damaged, "this is not a Keyfob master key (keyfob-master-key-1 ...)");
  Result<crypto::XaesKey> wrapping =
      crypto::XaesKey::from_bytes(crypto::derive_key(key->bytes(), kWrappingInfo).bytes());
  if (!wrapping) return fail(std::move(wrapping.error()));
  return std::unique_ptr<LocalKeyProvider>(new LocalKeyProvider(std::move(*wrapping), fingerprint_of(key->bytes())));
}

Task<Result<Bytes>> LocalKeyProvider::wrap(Secret key, Bytes context) {
  crypto::XaesNonce nonce;
  crypto::random_bytes(nonce);
  const Bytes sealed = wrapping_.seal(nonce, associated_data(context), as_bytes(reveal_secret(key)));
  Bytes out{kWrapVersion};
  out.reserve(kHeaderSize + sealed.size());
  out.insert(out.end(), nonce.begin(), nonce.end());
  out.insert(out.end(), sealed.begin(), sealed.end());
  co_return out;
}

Task<Result<Secret>> LocalKeyProvider::unwrap(Bytes wrapped, Bytes context) {
  if (wrapped.size() < kHeaderSize || wrapped[0] != kWrapVersion) co_return does_not_unwrap();
  const ByteView body = ByteView(wrapped).subspan(1);
  Result<Bytes> raw = wrapping_.open(body.first<crypto::kXaesNonceSize>(), associated_data(context),
                                     body.subspan(crypto::kXaesNonceSize));
  if (!raw) co_return does_not_unwrap();
  Secret key(as_text(*raw));
  wipe(raw->data(), raw->size());
  co_return key;
}

}  // namespace keyfob::keys
