#pragma once
// ScriptedIdp: a provider in memory with rotation, a reuse window and a list of faults, that counts every use of every
// refresh token.

#include <deque>
#include <functional>
#include <map>
#include <string>

#include "ports/token_endpoint.hpp"
#include "testing/fake_clock.hpp"

namespace keyfob::testing {

enum class Fault : std::uint8_t {
  none,
  drop_before,          ///< the request never arrives: timeout
  drop_after_rotation,  ///< rotated, the answer is lost
  slow,                 ///< rotated at once, answered after `slow_by`
  unsent,
  server_error,
  throttled,
  wrong_client,
  refuse,  ///< dead_grant, although the token is good
  suspicious,
  no_access_token,
  no_refresh_token,
  no_rotation,  ///< a new access token only: the refresh token that was sent stays
};

class ScriptedIdp final : public TokenEndpoint, public ProviderApi {
 public:
  explicit ScriptedIdp(FakeClock& clock) : clock_(clock) {}

  Task<TokenAnswer> exchange(TokenRequest request, ExchangeLimits limits) override;
  Task<Result<Identity>> identity(std::string provider, AccessToken token) override;
  Task<Result<void>> revoke(Revocation request) override;

  /// A fresh pair of a new consent of this owner.
  TokenPair issue(const std::string& owner);
  /// The next exchanges meet these, one each.
  void next(std::initializer_list<Fault> faults) { faults_.insert(faults_.end(), faults); }

  Milliseconds reuse_window = seconds(60);
  Milliseconds access_ttl = seconds(7200);
  Milliseconds latency = Milliseconds(20);
  Milliseconds identity_latency{};
  Milliseconds slow_by = seconds(20);
  std::string client_secret = "secret";
  Fault always = Fault::none;
  std::function<Fault(const std::string& owner)> fault_of{};  ///< asked when neither next() nor always says more
  Milliseconds retry_after = seconds(2);                      ///< of Fault::throttled
  std::map<std::string, std::vector<VehicleId>> vehicles{};   ///< by owner
  bool revoke_fails = false;

  [[nodiscard]] int rotations() const { return rotations_; }
  [[nodiscard]] int exchanges() const { return exchanges_; }
  /// The most exchanges that were on the wire together.
  [[nodiscard]] int most_at_once() const { return most_at_once_; }
  [[nodiscard]] int late_uses() const { return late_uses_; }
  [[nodiscard]] int revoked() const { return revoked_; }
  /// The provider accepts this refresh token now.
  [[nodiscard]] bool accepts(const std::string& refresh_token) const;
  /// The owner withdraws.
  void withdraw(const std::string& owner);

 private:
  struct Token {
    std::string owner;
    std::optional<BootTime> used_at{};
    std::string next_access{};
    std::string next_refresh{};
  };
  Fault fault_for(const TokenRequest& request);
  TokenAnswer refresh(const std::string& token, Fault fault);
  TokenAnswer answer_of(const Token& token, Fault fault) const;
  std::string mint(std::string_view kind);

  FakeClock& clock_;
  std::deque<Fault> faults_;
  std::map<std::string, Token> refresh_tokens_;
  std::map<std::string, std::string> access_tokens_;
  int minted_ = 0;
  int rotations_ = 0;
  int exchanges_ = 0;
  int at_once_ = 0;
  int most_at_once_ = 0;
  int late_uses_ = 0;
  int revoked_ = 0;
};

}  // namespace keyfob::testing
