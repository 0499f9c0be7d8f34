#include "crypto/xaes.hpp"

#include <algorithm>
#include <atomic>
#include <stdexcept>

#include "crypto/openssl.hpp"
#include "crypto/secure_memory.hpp"

namespace keyfob::crypto {
namespace {

constexpr std::size_t kBlockSize = 16;
constexpr std::size_t kGcmNonceSize = 12;
constexpr std::size_t kDerivationNonceSize = kXaesNonceSize - kGcmNonceSize;

using Block = std::array<std::uint8_t, kBlockSize>;

struct Algorithms {
  Cipher block = must_have(Cipher(EVP_CIPHER_fetch(nullptr, "AES-256-ECB", nullptr)));
  Cipher gcm = must_have(Cipher(EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr)));
};

const Algorithms& algorithms() {
  static const Algorithms instance;
  return instance;
}

CipherContext new_block_context(ByteView key) {
  CipherContext context = must_have(CipherContext(EVP_CIPHER_CTX_new()));
  must(EVP_EncryptInit_ex2(context.get(), algorithms().block.get(), key.data(), nullptr, nullptr));
  must(EVP_CIPHER_CTX_set_padding(context.get(), 0));
  return context;
}

CipherContext new_gcm_context() {
  CipherContext context = must_have(CipherContext(EVP_CIPHER_CTX_new()));
  must(EVP_CipherInit_ex2(context.get(), algorithms().gcm.get(), nullptr, nullptr, 1, nullptr));
  return context;
}

/// Each thread's own, because a context is written to by every message.
EVP_CIPHER_CTX* gcm_context() {
  thread_local const CipherContext context = new_gcm_context();
  return context.get();
}

/// Consecutive numbers spread threads over slots better than their addresses do.
std::size_t number_of_this_thread() {
  static std::atomic<std::size_t> count{0};
  thread_local const std::size_t number = count.fetch_add(1, std::memory_order_relaxed);
  return number;
}

int as_int(std::size_t size) {
  if (size > kXaesMaxSize) throw std::length_error("more than kXaesMaxSize");
  return static_cast<int>(size);
}

/// Step 2 of the specification: L << 1, reduced in GF(2^128) without a branch on the secret.
void double_block(std::span<std::uint8_t, kBlockSize> block) {
  unsigned carry = 0;
  for (std::size_t i = kBlockSize; i-- > 0;) {
    const unsigned shifted = (static_cast<unsigned>(block[i]) << 1U) | carry;
    carry = shifted >> 8U;
    block[i] = static_cast<std::uint8_t>(shifted & 0xffU);
  }
  block[kBlockSize - 1] ^= static_cast<std::uint8_t>(carry * 0x87U);
}

void encrypt_blocks(EVP_CIPHER_CTX* context, ByteView in, std::uint8_t* out) {
  int size = 0;
  must(EVP_EncryptUpdate(context, out, &size, in.data(), static_cast<int>(in.size())));
}

/// Kx of one message. On the stack of one call, wiped with it.
struct MessageKey {
  std::array<std::uint8_t, kXaesKeySize> bytes;
  MessageKey() = default;
  MessageKey(const MessageKey&) = delete;
  MessageKey& operator=(const MessageKey&) = delete;
  ~MessageKey() { wipe(bytes.data(), bytes.size()); }
};

}  // namespace

/// The key, K1, and the expanded key in a few contexts, so that threads seldom meet in one. A context of its own for
/// each thread and key would keep expanded keys beyond the key's life.
class XaesKey::State {
 public:
  explicit State(ByteView key) : key_(key), k1_(kBlockSize) {
    encrypt_blocks(new_block_context(key).get(), Block{}, k1_.bytes().data());
    double_block(std::span<std::uint8_t, kBlockSize>(k1_.bytes()));
  }

  /// Steps 3 and 4 of the specification.
  void derive(std::span<const std::uint8_t, kDerivationNonceSize> nonce, MessageKey& out) {
    std::array<std::uint8_t, 2 * kBlockSize> blocks{0, 1, 'X', 0};
    blocks[kBlockSize + 1] = 2;
    blocks[kBlockSize + 2] = 'X';
    for (const std::size_t at : {std::size_t{0}, kBlockSize}) {
      std::copy(nonce.begin(), nonce.end(), blocks.begin() + static_cast<std::ptrdiff_t>(at + 4));
      for (std::size_t i = 0; i < kBlockSize; ++i) blocks[at + i] ^= k1_.bytes()[i];
    }
    encrypt(blocks, out.bytes.data());
    wipe(blocks.data(), blocks.size());
  }

 private:
  struct alignas(64) Slot {
    std::atomic<bool> busy{false};
    CipherContext context;
  };

  void encrypt(ByteView blocks, std::uint8_t* out) {
    Slot& slot = slots_[number_of_this_thread() % slots_.size()];
    if (slot.busy.exchange(true, std::memory_order_acquire)) {
      encrypt_blocks(new_block_context(key_.bytes()).get(), blocks, out);
      return;
    }
    if (!slot.context) slot.context = new_block_context(key_.bytes());
    encrypt_blocks(slot.context.get(), blocks, out);
    slot.busy.store(false, std::memory_order_release);
  }

  SecureBytes key_;
  SecureBytes k1_;
  std::array<Slot, 8> slots_;
};

namespace {

enum class Direction : int { open = 0, seal = 1 };

/// Sets the thread's context up for one message, associated data included.
EVP_CIPHER_CTX* start_message(const MessageKey& key, XaesNonceView nonce, ByteView aad, Direction direction) {
  EVP_CIPHER_CTX* context = gcm_context();
  const auto gcm_nonce = nonce.last<kGcmNonceSize>();
  must(EVP_CipherInit_ex2(context, nullptr, key.bytes.data(), gcm_nonce.data(), static_cast<int>(direction), nullptr));
  int size = 0;
  if (!aad.empty()) must(EVP_CipherUpdate(context, nullptr, &size, aad.data(), as_int(aad.size())));
  return context;
}

void update(EVP_CIPHER_CTX* context, ByteView in, std::uint8_t* out) {
  int size = 0;
  if (!in.empty()) must(EVP_CipherUpdate(context, out, &size, in.data(), as_int(in.size())));
}

}  // namespace

XaesKey::XaesKey(std::unique_ptr<State> state) : state_(std::move(state)) {}
XaesKey::XaesKey(XaesKey&&) noexcept = default;
XaesKey& XaesKey::operator=(XaesKey&&) noexcept = default;
XaesKey::~XaesKey() = default;

Result<XaesKey> XaesKey::from_bytes(ByteView key) {
  if (key.size() != kXaesKeySize) return fail(ErrorCode::invalid_argument, "an XAES-256-GCM key has 32 bytes");
  return XaesKey(std::make_unique<State>(key));
}

void XaesKey::seal_into(XaesNonceView nonce, ByteView aad, ByteView plaintext, std::span<std::uint8_t> out) const {
  if (out.size() < plaintext.size() + kXaesTagSize) throw std::length_error("no room for ciphertext and tag");
  MessageKey key;
  state_->derive(nonce.first<kDerivationNonceSize>(), key);
  EVP_CIPHER_CTX* context = start_message(key, nonce, aad, Direction::seal);
  update(context, plaintext, out.data());
  std::uint8_t* tag = out.data() + plaintext.size();
  int size = 0;
  must(EVP_EncryptFinal_ex(context, tag, &size));
  must(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, static_cast<int>(kXaesTagSize), tag));
}

Bytes XaesKey::seal(XaesNonceView nonce, ByteView aad, ByteView plaintext) const {
  Bytes sealed(plaintext.size() + kXaesTagSize);
  seal_into(nonce, aad, plaintext, sealed);
  return sealed;
}

Result<std::size_t> XaesKey::open_into(XaesNonceView nonce, ByteView aad, ByteView sealed,
                                       std::span<std::uint8_t> out) const {
  if (sealed.size() < kXaesTagSize) return fail(ErrorCode::damaged, "sealed bytes are cut short");
  const ByteView ciphertext = sealed.first(sealed.size() - kXaesTagSize);
  if (out.size() < ciphertext.size()) return fail(ErrorCode::invalid_argument, "no room for the plaintext");
  MessageKey key;
  state_->derive(nonce.first<kDerivationNonceSize>(), key);
  EVP_CIPHER_CTX* context = start_message(key, nonce, aad, Direction::open);
  update(context, ciphertext, out.data());
  auto* tag = const_cast<std::uint8_t*>(sealed.last<kXaesTagSize>().data());
  must(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, static_cast<int>(kXaesTagSize), tag));
  int size = 0;
  std::uint8_t* end = out.data() + ciphertext.size();
  if (EVP_DecryptFinal_ex(context, end, &size) == 1) return ciphertext.size();
  wipe(out.data(), ciphertext.size());
  return fail(ErrorCode::damaged, "sealed bytes do not verify");
}

Result<Bytes> XaesKey::open(XaesNonceView nonce, ByteView aad, ByteView sealed) const {
  Bytes plaintext(sealed.size() < kXaesTagSize ? 0 : sealed.size() - kXaesTagSize);
  const Result<std::size_t> size = open_into(nonce, aad, sealed, plaintext);
  if (!size) return fail(size.error());
  return plaintext;
}

}  // namespace keyfob::crypto
