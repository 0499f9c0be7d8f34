#pragma once
// Grants: importing, listing and removing grants; everything about a grant that is not a refresh.

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "core/due_plan.hpp"
#include "core/grant.hpp"
#include "engine/directory.hpp"
#include "ports/associations.hpp"
#include "ports/grant_store.hpp"

namespace keyfob::engine {

class Announcer;
class TokenCache;

struct NewGrant {
  UserId user;
  std::vector<VehicleId> vehicles{};
  TokenPair pair;
  Milliseconds expires_in{};                         ///< of the access token, from now
  std::optional<Milliseconds> refresh_expires_in{};  ///< empty: the profile's refresh_ttl
  std::string scope{};
  ProviderUserId provider_user{};
  bool single_select = false;
  bool provisional = false;     ///< consent whose owner is not known yet: replaces nothing, is identified soon
  bool merge_vehicles = false;  ///< consent: add to what the replaced grant had; import: replace unless empty
  bool consented = false;       ///< the owner said so just now: the backend is told
};

struct ImportedGrant {
  Grant grant;
  bool replaced = false;   ///< an earlier pair of the same user (single-select: vehicle) was replaced under a new epoch
  bool unchanged = false;  ///< this very pair was there already: nothing was written
  bool kept = false;  ///< what was there is newer than any import (ImportRules::keep_existing): nothing was written
};

/// What an import does about an owner whose grant is there already.
struct ImportRules {
  /// A pair that was rotated since, came by a newer consent or import, or was revoked is kept; another pair that nobody
  /// has used yet is `conflict`. False: the incoming pair replaces it. Either way the very same pair is left alone when
  /// `leave_same` is set, so that an interrupted import can be run again.
  bool keep_existing = false;
  bool leave_same = false;
  bool dry_run = false;  ///< says what would happen, stores nothing
};

/// Engine executor only.
class Grants {
 public:
  struct Ports {
    GrantReader& reader;
    GrantWriter& writer;
    Clock& clock;
    Random& random;
    Directory& directory;
    TokenCache& cache;
    Announcer& announcer;
    OwnerLookup& owners;
  };
  /// `policy` says when an imported grant is due.
  Grants(Ports ports, DuePolicy policy);

  /// invalid_argument names the field. An import of the same owner replaces the pair under a new epoch and re-opens the
  /// grant.
  Task<Result<ImportedGrant>> import_one(AppId app, NewGrant grant);
  /// Each element answers for itself; one store transaction per call. At most 1000.
  Task<Result<std::vector<Result<ImportedGrant>>>> import_many(AppId app, std::vector<NewGrant> grants,
                                                               ImportRules rules = {});

  /// `record` becomes `grant`'s under a new epoch, in one transaction. conflict: it has changed.
  Task<Result<Grant>> adopt(GrantRecord record, NewGrant grant);

  /// The pair of a provisional grant goes where it belongs, in one transaction: to the grant that `grant`'s owner has
  /// already, and then nobody uses it here any more (handed_over() says so), or this one becomes his. conflict:
  /// something has changed meanwhile. The caller holds the lease of `provisional`: nobody refreshes it meanwhile.
  Task<Result<Grant>> absorb(GrantRecord provisional, NewGrant grant);

  Task<Result<Grant>> load(GrantRef ref);
  Task<Result<GrantPage>> list(GrantFilter filter);
  Task<Result<void>> remove(GrantRef ref);

 private:
  /// One import call on its way.
  struct Import {
    AppId app;
    ImportRules rules;
    std::vector<NewGrant> grants;
    std::vector<Result<ImportedGrant>> results;
    std::vector<std::size_t> left{};  ///< which of them have no result yet
  };
  struct Round {
    std::vector<PutRequest> requests{};
    std::vector<std::size_t> sent{};
    std::vector<std::size_t> next{};
  };
  Task<Result<void>> import_round(Import* work);
  Task<Result<void>> write_round(Import* import, Round round);
  void settle_one(Import& work, Round& round, std::size_t i, const std::vector<GrantRecord>& found);
  [[nodiscard]] std::optional<Result<ImportedGrant>> left_as_it_is(const GrantRecord& present, const NewGrant& incoming,
                                                                   ImportRules rules) const;
  Result<PutRequest> prepare(const AppId& app, const NewGrant& incoming, const GrantRecord* replaced);
  Result<PutRequest> seal(PutRequest request, const TokenPair& pair);
  Result<PutRequest> leave_behind(const GrantRecord& provisional, const Grant& taken, const TokenPair& pair);
  void add_notices(PutRequest& request, const NewGrant& incoming) const;
  void announce(const PutRequest& request);
  GrantId new_id(WallTime now);
  std::uint32_t die();

  Ports ports_;
  DuePolicy policy_;
};

/// When the background asks whose a provisional grant is.
inline constexpr Milliseconds kIdentifyAfter = seconds(30);
/// A grant stored by a consent before the provider said whose it is: its provider_user is a placeholder of ours.
[[nodiscard]] bool is_provisional(const Grant& grant);
/// ... and it came from a single-select consent.
[[nodiscard]] bool is_provisional_single(const Grant& grant);

/// The grant that took the pair of a provisional one over, and the epoch that it opened for it, if it did.
struct HandedOver {
  GrantId to;
  Epoch epoch;
};
[[nodiscard]] std::optional<HandedOver> handed_over(const Grant& provisional);

/// Whom a pair is kept for until the backend has confirmed the consent of this state: nobody can be given its token.
[[nodiscard]] UserId unconfirmed_user(ByteView state_hash, const UserId& user);
[[nodiscard]] bool is_unconfirmed(const UserId& user);
/// The user that is waiting for the confirmation; `user` itself when it is no such name.
[[nodiscard]] UserId awaited_user(const UserId& user);

/// Field checks of an import: sizes, characters, presence.
[[nodiscard]] Result<void> validate(const NewGrant& grant);

}  // namespace keyfob::engine
