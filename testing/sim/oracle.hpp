#pragma once
// Oracle: knows everything about a simulated world, opens every sealed pair, and checks the invariants I1 to I8 of
// docs/spec/refresh.md at every step. The first violation is kept; the run ends with it.

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "testing/sim/plan.hpp"
#include "testing/sim/shared_store.hpp"
#include "testing/sim/trace.hpp"
#include "vault/keyring.hpp"

namespace keyfob::simulated {

class Oracle {
 public:
  struct Eyes {
    const Plan& plan;
    const Timeline& time;
    const Weather& weather;
    const ProviderModel& provider;
    SharedStore& store;
    Trace& trace;
  };
  explicit Oracle(Eyes eyes) : eyes_(eyes) {}
  /// What opens sealed pairs.
  void learn(std::shared_ptr<const vault::Keyring> keyring) { keyring_ = std::move(keyring); }

  // What the store did.
  void put(const GrantRecord& after);
  void removed(const GrantRef& ref);
  void begun(const std::optional<GrantRecord>& before, const BeginRequest& request);
  void committed(const GrantRecord& before, const GrantRecord& after);
  void updated(const GrantRecord& before, const GrantRecord& after);
  void fell_back();

  // What the provider saw.
  void sent(int node, const std::string& refresh_token);
  void refused(const std::string& refresh_token);
  /// It refuses a good token.
  void lied(const std::string& refresh_token);
  /// This node has received a pair with this refresh token.
  void answered(int node, const std::string& refresh_token);
  /// An answer came to a node that does not read it any more.
  void unread(int node, const std::string& sent_token);

  // Where pairs were kept.
  void kept(const KeptPair& pair);
  void crashed(int node);
  /// Once per step of the world.
  void look_around();

  // What the disks and the callers saw.
  void spool_had_no_place(int node);
  /// `asked_at`: when the caller asked.
  void served(int node, int user, const std::string& access_token, BootTime asked_at);
  /// Keyfob said that the grant is revoked.
  void revoked(int user);

  /// After the end: a grant that does not come back although its owner never withdrew. Empty: it may be so.
  [[nodiscard]] std::string judge_lost(int user, const std::vector<KeptPair>& on_disks);
  /// The provider accepts the refresh token that is stored here.
  [[nodiscard]] bool works(const GrantRecord& record) const;
  void violate(std::string_view invariant, const std::string& what);

  [[nodiscard]] const std::string& violation() const { return violation_; }
  [[nodiscard]] int refreshes() const { return refreshes_; }
  [[nodiscard]] std::optional<GrantRef> ref_of(int user) const;
  [[nodiscard]] std::optional<int> consent_of(int user) const;
  [[nodiscard]] static int user_of(const Grant& grant) { return std::stoi(grant.user.str().substr(1)); }

 private:
  struct Watched {
    GrantRef ref;
    GrantVersion version;
    std::map<std::uint64_t, int> consents{};  ///< by epoch
    BootTime epoch_since{};
    BootTime begun_at{};  ///< when the store noted the first use of the stored token
    std::optional<BootTime> revoked_at{};
    std::optional<BootTime> lied_at{};
    int refusals_said = 0;     ///< by the provider
    int refusals_noted = 0;    ///< in the store
    bool answer_lost = false;  ///< an answer to a use of the stored token never came
    /// Consents that wait in a grant of their own until it is known whose they are, and until when.
    std::map<int, std::optional<BootTime>> waiting{};
  };
  struct Opened {
    std::string access;
    std::string refresh;
  };
  [[nodiscard]] std::optional<Opened> open(const GrantRecord& record) const;
  void check_pair(const GrantRecord& record);
  void put_waiting(const GrantRecord& after);
  /// The owner's grant, not one in which a consent waits.
  [[nodiscard]] bool is_his(const Grant& grant) const;
  [[nodiscard]] bool may_wait(int node, int user, int consent, BootTime asked_at) const;
  void check_refusal(const GrantRecord& before, const GrantRecord& after);
  void check_version(const Grant& before, const Grant& after, bool stored_pair);
  [[nodiscard]] bool heard_since(int node, BootTime event, BootTime asked_at) const;
  [[nodiscard]] bool burst(const GrantRecord& about) const;

  Eyes eyes_;
  std::shared_ptr<const vault::Keyring> keyring_;
  std::map<int, Watched> watched_;
  void durable(const std::string& refresh_token);
  std::map<GrantId, std::pair<int, int>> waits_in_;  ///< user and consent, by the grant in which it waits
  void check_cleared(const GrantRecord& before, const GrantRecord& after);
  [[nodiscard]] bool lives_on(const std::string& name) const;
  [[nodiscard]] std::string judge_forgotten(const ProviderModel::Refresh& spent) const;
  [[nodiscard]] bool sibling_was_lost(const ProviderModel::Refresh& token) const;

  struct Came {
    int node = 0;
    BootTime at{};
  };
  std::map<std::string, Came> homeless_;  ///< pairs that came and are nowhere yet, by refresh token
  std::set<std::string> durable_;         ///< refresh tokens that were durable somewhere once
  std::vector<BootTime> committed_at_;
  std::map<std::string, Came> answered_;  ///< by refresh token: which node, when
  std::string violation_;
  int refreshes_ = 0;
};

}  // namespace keyfob::simulated
