#pragma once
// Grants: importing, listing and removing grants; everything about a grant that is not a refresh.

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "core/grant.hpp"
#include "engine/directory.hpp"
#include "ports/grant_store.hpp"

namespace keyfob::engine {

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
  bool merge_vehicles = false;  ///< consent: add to what the replaced grant had; import: replace unless empty
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
  };
  struct Policy {
    Milliseconds keep_alive = days(7);
  };
  Grants(Ports ports, Policy policy);

  /// invalid_argument names the field. An import of the same owner replaces the pair under a new epoch and re-opens the
  /// grant.
  Task<Result<ImportedGrant>> import_one(AppId app, NewGrant grant);
  /// Each element answers for itself; one store transaction per call. At most 1000.
  Task<Result<std::vector<Result<ImportedGrant>>>> import_many(AppId app, std::vector<NewGrant> grants);

  Task<Result<Grant>> load(GrantRef ref);
  /// By id alone, for callers that know no application (admin): looks through the applications given.
  Task<Result<GrantPage>> list(GrantFilter filter);
  Task<Result<void>> remove(GrantRef ref);

 private:
  Task<Result<ImportedGrant>> try_import(AppId app, const NewGrant* grant);

  Ports ports_;
  Policy policy_;
};

/// Field checks of an import: sizes, characters, presence.
[[nodiscard]] Result<void> validate(const NewGrant& grant);

}  // namespace keyfob::engine
