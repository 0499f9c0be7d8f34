#pragma once
// Sessions: who has signed in to the console with an API key, so that the browser need not keep the key.
//
// A session is known by 256 random bits that only the browser's cookie holds. This process keeps their SHA-256 and the
// API key sealed (XAES-256-GCM) by a key that is derived from those bits: a memory image of Keyfob contains neither the
// cookie nor an API key that could be used. Whoever asks gets the API key back and has it admitted anew, so that a
// session can never do more, or longer, than its key.

#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "base/wiped_string.hpp"
#include "crypto/xaes.hpp"

namespace keyfob::console {

struct SessionLimits {
  Milliseconds idle = minutes(30);    ///< without a request
  Milliseconds lifetime = hours(12);  ///< whatever happens
  std::size_t most = 1000;            ///< more: the one that was idle longest ends
};

/// Any thread. In memory only: a restart ends every session.
class Sessions {
 public:
  explicit Sessions(SessionLimits limits) : limits_(limits) {}

  /// The id of a new session, 64 hexadecimal digits.
  [[nodiscard]] WipedString begin(std::string_view api_key, BootTime now);
  /// The session's API key; counts as use. Empty: no such session, or its time is up.
  [[nodiscard]] std::optional<WipedString> key_of(std::string_view id, BootTime now);
  void end(std::string_view id);
  [[nodiscard]] std::size_t size() const;

 private:
  struct Session {
    crypto::XaesNonce nonce{};
    Bytes sealed_key;
    BootTime begun{};
    BootTime used{};
  };
  [[nodiscard]] bool over(const Session& session, BootTime now) const;
  void make_room(BootTime now);

  const SessionLimits limits_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Session> sessions_;  ///< by the SHA-256 of the id's bytes
};

}  // namespace keyfob::console
