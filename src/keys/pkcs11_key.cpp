#include "keys/pkcs11_key.hpp"

#include <dlfcn.h>

#define CRYPTOKI_GNU 1
#include <p11-kit/pkcs11.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <utility>
#include <vector>

#include "crypto/hash.hpp"
#include "crypto/random.hpp"
#include "keys/key_file.hpp"
#include "keys/off_thread.hpp"

namespace keyfob::keys {
namespace {

constexpr std::uint8_t kVersion = 2;
constexpr std::size_t kIvSize = 12;
constexpr std::size_t kTagSize = 16;
constexpr std::size_t kFingerprintSize = 16;
constexpr std::string_view kFingerprintBlock = "keyfob/1/fingerp";  // one block of AES, not reachable as GCM's counter
constexpr std::string_view kFingerprintLabel = "keyfob/1/pkcs11";

std::string hex(ck_rv_t code) {
  std::array<std::uint8_t, 4> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(code >> (8 * (3 - i)));
  return "0x" + to_hex(bytes);
}

std::unexpected<Error> outage(const std::string& doing, ck_rv_t code) {
  return fail(ErrorCode::unavailable, "the PKCS#11 token cannot " + doing + " (" + hex(code) + ")",
              "is it there, and does its own tool reach it?");
}

bool session_lost(ck_rv_t code) {
  return code == CKR_SESSION_HANDLE_INVALID || code == CKR_SESSION_CLOSED || code == CKR_USER_NOT_LOGGED_IN ||
         code == CKR_DEVICE_REMOVED || code == CKR_TOKEN_NOT_PRESENT || code == CKR_OBJECT_HANDLE_INVALID ||
         code == CKR_KEY_HANDLE_INVALID;
}

bool tag_is_wrong(ck_rv_t code) {
  return code == CKR_ENCRYPTED_DATA_INVALID || code == CKR_ENCRYPTED_DATA_LEN_RANGE ||
         code == CKR_WRAPPED_KEY_INVALID || code == CKR_SIGNATURE_INVALID || code == CKR_DATA_INVALID;
}

template <std::size_t N>
bool says(const unsigned char (&field)[N], const std::optional<std::string>& wanted) {
  if (!wanted) return true;
  std::string_view text(reinterpret_cast<const char*>(field), N);
  text = text.substr(0, text.find_last_not_of(std::string_view(" \0", 2)) + 1);
  return text == *wanted;
}

}  // namespace

/// The module, its session and its key. One call at a time.
class Pkcs11KeyProvider::Token {
 public:
  explicit Token(Pkcs11Uri uri) : uri_(std::move(uri)) {}

  Result<void> open() {
    const std::scoped_lock lock(mutex_);
    if (auto loaded = load_module(); !loaded) return loaded;
    return start_session();
  }
  Result<std::string> fingerprint();
  Result<Bytes> wrap(ByteView key, Bytes context) {
    return again_after_loss<Bytes>([&] { return wrap_once(key, context); });
  }
  Result<Secret> unwrap(Bytes wrapped, Bytes context) {
    return again_after_loss<Secret>([&] { return unwrap_once(wrapped, context); });
  }

 private:
  template <class T, class Work>
  Result<T> again_after_loss(const Work& work) {
    const std::scoped_lock lock(mutex_);
    Result<T> first = work();
    if (first || !session_lost(failed_with_)) return first;
    if (auto started = start_session(); !started) return fail(started.error());
    return work();
  }
  Result<void> load_module();
  Result<void> start_session();
  Result<ck_slot_id_t> find_slot();
  Result<void> log_in();
  Result<void> find_key();
  Result<Bytes> wrap_once(ByteView key, Bytes& context);
  Result<Secret> unwrap_once(Bytes& wrapped, Bytes& context);
  Result<Bytes> crypt(bool encrypt, ck_mechanism& mechanism, ByteView input, const std::string& doing);

  Pkcs11Uri uri_;
  std::mutex mutex_;
  const ck_function_list* module_ = nullptr;  // never unloaded: modules do not survive that
  ck_session_handle_t session_ = 0;
  bool has_session_ = false;
  ck_object_handle_t key_ = 0;
  ck_rv_t failed_with_ = CKR_OK;
};

Result<void> Pkcs11KeyProvider::Token::load_module() {
  void* library = ::dlopen(uri_.module_path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return fail(ErrorCode::not_found, "the PKCS#11 module " + uri_.module_path + " cannot be loaded",
                "check module-path in [keys] master");
  }
  using GetFunctionList = ck_rv_t (*)(ck_function_list**);
  const auto get = reinterpret_cast<GetFunctionList>(::dlsym(library, "C_GetFunctionList"));
  ck_function_list* functions = nullptr;
  if (get == nullptr || get(&functions) != CKR_OK || functions == nullptr) {
    return fail(ErrorCode::invalid_argument, uri_.module_path + " is no PKCS#11 module");
  }
  ck_c_initialize_args arguments{};
  arguments.flags = CKF_OS_LOCKING_OK;
  const ck_rv_t code = functions->C_Initialize(&arguments);
  if (code != CKR_OK && code != CKR_CRYPTOKI_ALREADY_INITIALIZED) return outage("be initialized", code);
  module_ = functions;
  return {};
}

Result<ck_slot_id_t> Pkcs11KeyProvider::Token::find_slot() {
  unsigned long count = 0;
  ck_rv_t code = module_->C_GetSlotList(1, nullptr, &count);
  std::vector<ck_slot_id_t> slots(count);
  if (code == CKR_OK && count > 0) code = module_->C_GetSlotList(1, slots.data(), &count);
  if (code != CKR_OK) return outage("be looked for", code);
  slots.resize(count);
  for (const ck_slot_id_t slot : slots) {
    ck_token_info info{};
    if (uri_.slot_id && *uri_.slot_id != slot) continue;
    if (module_->C_GetTokenInfo(slot, &info) != CKR_OK) continue;
    if (says(info.label, uri_.token) && says(info.serial_number, uri_.serial) &&
        says(info.manufacturer_id, uri_.manufacturer) && says(info.model, uri_.model)) {
      return slot;
    }
  }
  return fail(ErrorCode::unavailable, "no PKCS#11 token that [keys] master names is there",
              "plug it in, or check token, serial and slot-id");
}

Result<void> Pkcs11KeyProvider::Token::log_in() {
  if (uri_.pin_source.empty()) return {};
  Result<Secret> pin = read_key_file(uri_.pin_source);
  if (!pin) return fail(pin.error());
  std::string_view text = reveal_secret(*pin);
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  auto* bytes = reinterpret_cast<unsigned char*>(const_cast<char*>(text.data()));
  const ck_rv_t code = module_->C_Login(session_, CKU_USER, bytes, text.size());
  if (code == CKR_OK || code == CKR_USER_ALREADY_LOGGED_IN) return {};
  const bool wrong = code == CKR_PIN_INCORRECT || code == CKR_PIN_INVALID || code == CKR_PIN_LEN_RANGE ||
                     code == CKR_PIN_LOCKED || code == CKR_PIN_EXPIRED;
  if (!wrong) return outage("log in", code);
  return fail(ErrorCode::forbidden, "the PKCS#11 token refuses the PIN (" + hex(code) + ")",
              "put the right one into " + uri_.pin_source + "; tokens lock themselves after a few wrong ones");
}

Result<void> Pkcs11KeyProvider::Token::find_key() {
  ck_object_class_t kind = CKO_SECRET_KEY;
  std::vector<ck_attribute> wanted{{CKA_CLASS, &kind, sizeof kind}};
  if (uri_.object) wanted.push_back({CKA_LABEL, uri_.object->data(), uri_.object->size()});
  if (uri_.id) wanted.push_back({CKA_ID, uri_.id->data(), uri_.id->size()});
  ck_rv_t code = module_->C_FindObjectsInit(session_, wanted.data(), wanted.size());
  if (code != CKR_OK) return outage("look for the key", code);
  std::array<ck_object_handle_t, 2> found{};
  unsigned long count = 0;
  code = module_->C_FindObjects(session_, found.data(), found.size(), &count);
  module_->C_FindObjectsFinal(session_);
  if (code != CKR_OK) return outage("look for the key", code);
  if (count == 1) {
    key_ = found[0];
    return {};
  }
  if (count > 1) return fail(ErrorCode::conflict, "several keys of the PKCS#11 token fit", "name its id, too");
  return fail(ErrorCode::not_found, "the PKCS#11 token has no such secret key", "check object and id in [keys] master");
}

Result<void> Pkcs11KeyProvider::Token::start_session() {
  if (std::exchange(has_session_, false)) module_->C_CloseSession(session_);
  const Result<ck_slot_id_t> slot = find_slot();
  if (!slot) return fail(slot.error());
  const ck_rv_t code = module_->C_OpenSession(*slot, CKF_SERIAL_SESSION, nullptr, nullptr, &session_);
  if (code != CKR_OK) return outage("open a session", code);
  has_session_ = true;
  if (auto logged_in = log_in(); !logged_in) return logged_in;
  return find_key();
}

Result<Bytes> Pkcs11KeyProvider::Token::crypt(bool encrypt, ck_mechanism& mechanism, ByteView input,
                                              const std::string& doing) {
  failed_with_ =
      encrypt ? module_->C_EncryptInit(session_, &mechanism, key_) : module_->C_DecryptInit(session_, &mechanism, key_);
  if (failed_with_ != CKR_OK) {
    if (failed_with_ == CKR_KEY_FUNCTION_NOT_PERMITTED || failed_with_ == CKR_KEY_TYPE_INCONSISTENT ||
        failed_with_ == CKR_MECHANISM_INVALID) {
      return fail(ErrorCode::invalid_argument, "the PKCS#11 key may not " + doing + " (" + hex(failed_with_) + ")",
                  "it must be an AES key with CKA_ENCRYPT and CKA_DECRYPT, in a token with CKM_AES_GCM");
    }
    return outage(doing, failed_with_);
  }
  Bytes output(input.size() + 2 * kTagSize);
  unsigned long size = output.size();
  auto* in = const_cast<unsigned char*>(input.data());
  failed_with_ = encrypt ? module_->C_Encrypt(session_, in, input.size(), output.data(), &size)
                         : module_->C_Decrypt(session_, in, input.size(), output.data(), &size);
  if (failed_with_ == CKR_OK && size <= output.size()) {
    wipe(output.data() + size, output.size() - size);
    output.resize(size);
    return output;
  }
  wipe(output.data(), output.size());
  return outage(doing, failed_with_);
}

Result<std::string> Pkcs11KeyProvider::Token::fingerprint() {
  const std::scoped_lock lock(mutex_);
  ck_mechanism mechanism{CKM_AES_ECB, nullptr, 0};
  Result<Bytes> block = crypt(true, mechanism, as_bytes(kFingerprintBlock), "encrypt");
  if (!block && block.error().code == ErrorCode::invalid_argument) {
    // One block of CBC under a zero IV is one of ECB, which some tokens do not offer.
    std::array<unsigned char, 16> zero{};
    mechanism = {CKM_AES_CBC, zero.data(), zero.size()};
    block = crypt(true, mechanism, as_bytes(kFingerprintBlock), "encrypt");
  }
  if (!block) return fail(block.error());
  Bytes labelled(kFingerprintLabel.begin(), kFingerprintLabel.end());
  labelled.insert(labelled.end(), block->begin(), block->end());
  return to_hex(ByteView(crypto::sha256(labelled)).first(kFingerprintSize));
}

Result<Bytes> Pkcs11KeyProvider::Token::wrap_once(ByteView key, Bytes& context) {
  std::array<std::uint8_t, kIvSize> iv{};
  crypto::random_bytes(iv);
  ck_gcm_params gcm{iv.data(), iv.size(), iv.size() * 8, context.data(), context.size(), kTagSize * 8};
  ck_mechanism mechanism{CKM_AES_GCM, &gcm, sizeof gcm};
  const Result<Bytes> sealed = crypt(true, mechanism, key, "wrap a data key");
  if (!sealed) return sealed;
  Bytes out{kVersion};
  out.reserve(1 + kIvSize + sealed->size());
  out.insert(out.end(), iv.begin(), iv.end());  // after the call: some tokens choose it themselves and write it there
  out.insert(out.end(), sealed->begin(), sealed->end());
  return out;
}

Result<Secret> Pkcs11KeyProvider::Token::unwrap_once(Bytes& wrapped, Bytes& context) {
  const auto damaged = [] {
    return fail(ErrorCode::damaged, "a wrapped data key does not open with this master key",
                "it was wrapped by another master key, or it is damaged");
  };
  if (wrapped.size() <= 1 + kIvSize + kTagSize || wrapped[0] != kVersion) return damaged();
  ck_gcm_params gcm{wrapped.data() + 1, kIvSize, kIvSize * 8, context.data(), context.size(), kTagSize * 8};
  ck_mechanism mechanism{CKM_AES_GCM, &gcm, sizeof gcm};
  Result<Bytes> raw = crypt(false, mechanism, ByteView(wrapped).subspan(1 + kIvSize), "unwrap a data key");
  // SoftHSM says CKR_GENERAL_ERROR of a tag that does not verify; whether the token still works tells the two apart.
  if (!raw && failed_with_ == CKR_GENERAL_ERROR) {
    ck_mechanism probe{CKM_AES_ECB, nullptr, 0};
    if (crypt(true, probe, as_bytes(kFingerprintBlock), "encrypt")) return damaged();
  }
  if (!raw) return tag_is_wrong(failed_with_) ? Result<Secret>(damaged()) : fail(raw.error());
  Secret key(as_text(*raw));
  wipe(raw->data(), raw->size());
  return key;
}

Pkcs11KeyProvider::Pkcs11KeyProvider(std::shared_ptr<Token> token, Milliseconds limit, std::string fingerprint)
    : token_(std::move(token)), limit_(limit), fingerprint_(std::move(fingerprint)) {}
Pkcs11KeyProvider::~Pkcs11KeyProvider() = default;

Result<std::unique_ptr<Pkcs11KeyProvider>> Pkcs11KeyProvider::open(const Pkcs11Uri& uri, Milliseconds limit) {
  auto token = std::make_shared<Token>(uri);
  std::function<Result<std::string>()> work = [token]() -> Result<std::string> {
    if (auto opened = token->open(); !opened) return fail(opened.error());
    return token->fingerprint();
  };
  Result<std::string> name = with_limit<std::string>(std::move(work), limit);
  if (!name) return fail(name.error());
  return std::unique_ptr<Pkcs11KeyProvider>(new Pkcs11KeyProvider(std::move(token), limit, std::move(*name)));
}

Task<Result<Bytes>> Pkcs11KeyProvider::wrap(Secret key, Bytes context) {
  std::function<Result<Bytes>()> work = [token = token_, key = std::move(key), context = std::move(context)] {
    return token->wrap(as_bytes(reveal_secret(key)), context);
  };
  Result<Bytes> wrapped = co_await off_thread<Bytes>(std::move(work), limit_);
  co_return wrapped;
}

Task<Result<Secret>> Pkcs11KeyProvider::unwrap(Bytes wrapped, Bytes context) {
  std::function<Result<Secret>()> work = [token = token_, wrapped = std::move(wrapped), context = std::move(context)] {
    return token->unwrap(wrapped, context);
  };
  Result<Secret> key = co_await off_thread<Secret>(std::move(work), limit_);
  co_return key;
}

}  // namespace keyfob::keys
