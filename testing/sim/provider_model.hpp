#pragma once
// ProviderModel: an authorization server that rotates refresh tokens in one of the known ways, knows every token it
// ever gave out and counts every use. Pure; `now` is true time.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"

namespace keyfob::simulated {

enum class Rotation : std::uint8_t {
  window_same_pair,  ///< a second use inside the window gets the very same pair
  window_new_pair,   ///< ... gets a new pair; all of them work
  window_last_pair,  ///< ... gets a new pair; only the newest of them works
  strict,            ///< a second use revokes the whole family
  leeway_previous,   ///< inside the window the previous token still works; an older one revokes the family
  none,              ///< the refresh token stays
  optional,          ///< rotates, but often leaves the new refresh token out: then the old one stays
};
[[nodiscard]] std::string_view name_of(Rotation rotation);

struct ProviderRules {
  Rotation rotation = Rotation::window_same_pair;
  Milliseconds window = seconds(60);
  Milliseconds access_ttl = seconds(30);
};

class ProviderModel {
 public:
  struct Pair {
    std::string access;
    std::string refresh;  ///< empty: the answer has none
  };
  struct Access {
    int consent = 0;
    BootTime ends{};
    bool revoked = false;
    std::string with{};  ///< the refresh token that belongs beside it
  };
  struct Refresh {
    int consent = 0;
    int depth = 0;         ///< rotations since the consent
    std::string parent{};  ///< whose use brought it
    std::optional<BootTime> first_used{};
    int uses = 0;
    bool dead = false;
    bool replaced = false;  ///< one of its children was used: it is not the previous token any more
    Pair same{};
    std::vector<std::string> children{};
  };

  explicit ProviderModel(ProviderRules rules) : rules_(rules) {}

  /// An owner consents: a new family.
  int consent(int owner);
  Pair issue(int consent, BootTime now);
  /// The owner withdraws everything.
  void withdraw(int owner);
  void revoke(int consent);

  /// Empty: refused.
  std::optional<Pair> use(const std::string& refresh, BootTime now);
  /// A use now would bring a pair.
  [[nodiscard]] bool accepts(const std::string& refresh, BootTime now) const;
  [[nodiscard]] const Refresh* refresh(const std::string& token) const;
  [[nodiscard]] const Access* access(const std::string& token) const;
  [[nodiscard]] int owner_of(int consent) const { return owners_.at(static_cast<std::size_t>(consent)); }
  [[nodiscard]] bool withdrawn(int consent) const { return withdrawn_.contains(consent); }
  [[nodiscard]] const ProviderRules& rules() const { return rules_; }
  /// It punished a use of an old token.
  [[nodiscard]] bool revoked_family(int consent) const { return punished_.contains(consent); }
  [[nodiscard]] int uses_of(int consent) const;

 private:
  Pair rotate(const std::string& token, Refresh& used, BootTime now);
  Pair mint(int consent, int depth, const std::string& parent, BootTime now);
  std::string mint_access(int consent, const std::string& with, BootTime now);
  void kill_family(int consent);
  [[nodiscard]] bool again_allowed(const Refresh& token, BootTime now) const;

  ProviderRules rules_;
  std::vector<int> owners_;  // of each consent
  std::set<int> withdrawn_;
  std::set<int> punished_;
  std::map<std::string, Refresh> refresh_;
  std::map<std::string, Access> access_;
  std::map<int, std::vector<std::string>> families_;
  int minted_ = 0;
};

}  // namespace keyfob::simulated
