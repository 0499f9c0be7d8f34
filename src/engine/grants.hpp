#pragma once
// Grants: importing, listing and removing grants; everything about a grant that is not a refresh.

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "core/due_plan.hpp"
#include "core/grant.hpp"
#include "engine/directory.hpp"
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
  bool replaced = false;  ///< an earlier pair of the same user (single-select: vehicle) was replaced under a new epoch
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
  };
  /// `policy` says when an imported grant is due.
  Grants(Ports ports, DuePolicy policy);

  /// invalid_argument names the field. An import of the same owner replaces the pair under a new epoch and re-opens the
  /// grant.
  Task<Result<ImportedGrant>> import_one(AppId app, NewGrant grant);
  /// Each element answers for itself; one store transaction per call. At most 1000.
  Task<Result<std::vector<Result<ImportedGrant>>>> import_many(AppId app, std::vector<NewGrant> grants);

  Task<Result<Grant>> load(GrantRef ref);
  Task<Result<GrantPage>> list(GrantFilter filter);
  Task<Result<void>> remove(GrantRef ref);

 private:
  Task<Result<void>> import_round(const AppId& app, const std::vector<NewGrant>& grants, std::vector<std::size_t>& left,
                                  std::vector<Result<ImportedGrant>>& results);
  Result<PutRequest> prepare(const AppId& app, const NewGrant& incoming, const GrantRecord* replaced);
  Result<PutRequest> seal(PutRequest request, const TokenPair& pair);
  void add_notices(PutRequest& request, const NewGrant& incoming) const;
  void announce(const PutRequest& request);
  std::string random_id(std::size_t length);
  std::uint32_t die();

  Ports ports_;
  DuePolicy policy_;
};

/// A grant stored by a consent before the provider said whose it is: its provider_user is a placeholder of ours.
[[nodiscard]] bool is_provisional(const Grant& grant);
/// ... and it came from a single-select consent.
[[nodiscard]] bool is_provisional_single(const Grant& grant);

/// Field checks of an import: sizes, characters, presence.
[[nodiscard]] Result<void> validate(const NewGrant& grant);

}  // namespace keyfob::engine
