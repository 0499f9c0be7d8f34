#pragma once
// TokenSource: how the gateway and the API ask the engine for "the current access token of this user's vehicle".

#include <array>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/packed_texts.hpp"
#include "base/secret.hpp"
#include "base/time.hpp"
#include "ports/async.hpp"
#include "ports/grant_store.hpp"

namespace keyfob {

/// Why there is no token. Each has one HTTP answer (docs/reference/errors).
enum class TokenProblem : std::uint8_t {
  unknown_grant,
  ambiguous_grant,
  needs_reauth,
  revoked,
  refresh_refused,  ///< suspect: refused once, being confirmed
  provider_unavailable,
  application_suspended,
  record_damaged,
  store_unavailable,
};

struct TokenFailure {
  TokenProblem problem = TokenProblem::unknown_grant;
  Milliseconds retry_after{};
  GrantRef ref{};
  UserId user{};
  ProviderUserId provider_user{};  ///< of the grant that has no usable token just now; what needs none may go on
  std::vector<VehicleId> vehicles{};
  std::string detail{};  ///< redacted; for the operator and the caller
};

/// A plaintext access token with what it belongs to.
struct GrantToken {
  GrantRef ref;
  GrantVersion version;
  UserId user;
  ProviderUserId provider_user;
  std::vector<VehicleId> vehicles;
  std::string scope;
  AccessToken token;
  WallTime expires_at{};
  bool refreshed = false;  ///< a rotation happened for this request
};

/// Inline text of limited size: no allocation.
template <std::size_t N>
class FixedText {
 public:
  [[nodiscard]] bool assign(std::string_view text) {
    if (text.size() > N) return false;
    size_ = text.copy(data_.data(), N);
    return true;
  }
  [[nodiscard]] std::string_view view() const { return {data_.data(), size_}; }
  [[nodiscard]] char* data() { return data_.data(); }
  [[nodiscard]] static constexpr std::size_t capacity() { return N; }
  void resize(std::size_t size) { size_ = size; }
  void clear_and_wipe() {
    wipe(data_.data(), size_);
    size_ = 0;
  }

 private:
  std::size_t size_ = 0;
  std::array<char, N> data_;
};

/// Memory that a slot's views point into. Counted, any thread.
class SlotSource : public boost::intrusive_ref_counter<SlotSource> {
 public:
  virtual ~SlotSource() = default;
};

/// Caller-owned scratch for the hot path, one per thread; clear() as soon as the request is written.
struct TokenSlot {
  FixedText<8192> token;
  std::string_view grant{};
  std::string_view user{};
  std::string_view provider_user{};
  PackedTexts vehicles{};
  std::string_view scope{};
  GrantVersion version{};
  WallTime expires_at{};
  std::array<char, 2048> texts;                     ///< what the views show, unless it is longer
  boost::intrusive_ptr<const SlotSource> source{};  ///< then this keeps it

  /// Wipes the token and lets go of the source: the views are void.
  void clear() {
    token.clear_and_wipe();
    source.reset();
  }
};

/// What a request names. At least one is not empty. Views must outlive the call (get() copies them before it suspends).
struct Subject {
  std::string_view user{};
  std::string_view vehicle{};
};

class TokenSource {
 public:
  virtual ~TokenSource() = default;

  /// Hot path: any thread, no blocking, no allocation, no store, about a microsecond. True: `out` holds a token with
  /// more than min_validity left, known to be current within cache.max_staleness. False: use get(), which also tells
  /// why.
  [[nodiscard]] virtual bool try_get(const AppId& app, Subject subject, TokenSlot& out) noexcept = 0;

  /// Looks up, refreshes when due, waits at most `patience`. Cancelling it never cancels a refresh. Call on any
  /// executor; completes on the awaiting one.
  virtual Task<std::expected<GrantToken, TokenFailure>> get(AppId app, std::string user, std::string vehicle,
                                                            Milliseconds patience) = 0;

  /// The provider's API answered 401 to the token of `refused` for `vehicle` (empty: the call named none). Refreshes
  /// only if that is still the current version, the pair is older than min_interval and the vehicle need not wait
  /// because of refused_again; the returned token is of the version `refused` when there is nothing newer to try.
  virtual Task<std::expected<GrantToken, TokenFailure>> after_refusal(GrantRef ref, GrantVersion refused,
                                                                      std::string vehicle, Milliseconds patience) = 0;
  /// ... and 401 again to the replay with the token of `version`: rotating does not help this vehicle, so it is put off
  /// for longer and longer. Any thread; returns at once.
  virtual void refused_again(GrantRef ref, GrantVersion version, std::string vehicle) noexcept = 0;
};

}  // namespace keyfob
