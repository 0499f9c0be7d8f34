#include "console/sessions.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "crypto/hash.hpp"
#include "crypto/random.hpp"

namespace keyfob::console {
namespace {

constexpr std::size_t kIdBytes = 32;
constexpr std::string_view kPurpose = "keyfob console session";

std::string name_of(ByteView id) {
  const crypto::Digest digest = crypto::sha256(id);
  return std::string(as_text(digest));
}

crypto::XaesKey key_for(ByteView id) {
  const auto derived = crypto::derive_key(id, kPurpose);
  return std::move(*crypto::XaesKey::from_bytes(derived.bytes()));
}

/// What a cookie says, as bytes that are wiped.
class Id {
 public:
  explicit Id(std::string_view hex) {
    if (hex.size() == 2 * kIdBytes) bytes_ = from_hex(hex);
  }
  Id(const Id&) = delete;
  Id& operator=(const Id&) = delete;
  ~Id() {
    if (bytes_) wipe(bytes_->data(), bytes_->size());
  }
  [[nodiscard]] bool valid() const { return bytes_.has_value(); }
  [[nodiscard]] ByteView view() const { return *bytes_; }

 private:
  std::optional<Bytes> bytes_;
};

WipedString hex_of(ByteView bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  auto out = wiped_string({}, 2 * bytes.size());
  for (const std::uint8_t byte : bytes) {
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
  return out;
}

}  // namespace

WipedString Sessions::begin(std::string_view api_key, BootTime now) {
  std::array<std::uint8_t, kIdBytes> id{};
  crypto::random_bytes(id);
  Session session{.nonce = {}, .sealed_key = {}, .begun = now, .used = now};
  crypto::random_bytes(session.nonce);
  session.sealed_key = key_for(id).seal(session.nonce, {}, as_bytes(api_key));
  auto text = hex_of(id);
  const std::lock_guard lock(mutex_);
  make_room(now);
  sessions_.emplace(name_of(id), std::move(session));
  wipe(id.data(), id.size());
  return text;
}

std::optional<WipedString> Sessions::key_of(std::string_view id, BootTime now) {
  const Id known(id);
  if (!known.valid()) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(name_of(known.view()));
  if (found == sessions_.end()) return std::nullopt;
  if (over(found->second, now)) {
    sessions_.erase(found);
    return std::nullopt;
  }
  auto opened = key_for(known.view()).open(found->second.nonce, {}, found->second.sealed_key);
  if (!opened) return std::nullopt;
  found->second.used = now;
  auto key = wiped_string(as_text(*opened));
  wipe(opened->data(), opened->size());
  return key;
}

void Sessions::end(std::string_view id) {
  const Id known(id);
  if (!known.valid()) return;
  const std::lock_guard lock(mutex_);
  sessions_.erase(name_of(known.view()));
}

std::size_t Sessions::size() const {
  const std::lock_guard lock(mutex_);
  return sessions_.size();
}

bool Sessions::over(const Session& session, BootTime now) const {
  return now - session.used >= limits_.idle || now - session.begun >= limits_.lifetime;
}

void Sessions::make_room(BootTime now) {
  std::erase_if(sessions_, [&](const auto& entry) { return over(entry.second, now); });
  if (sessions_.size() < limits_.most) return;
  const auto longest = std::ranges::min_element(sessions_, {}, [](const auto& entry) { return entry.second.used; });
  if (longest != sessions_.end()) sessions_.erase(longest);
}

}  // namespace keyfob::console
