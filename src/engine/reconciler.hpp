#pragma once
// Reconciler: what the provider says about an application's grants, held against what is stored. Whose a grant is
// (identify), and whether it still opens its vehicles (reconcile). Nothing is believed once: a grant ends only after
// the provider's list and the grant's own token have both said so.
//
// Engine executor only. Errors: unavailable (the provider or the store could not be asked: nothing was changed),
// refused (the application's credential), not_found, damaged, conflict.

#include <string>
#include <string_view>
#include <vector>

#include "engine/broker.hpp"
#include "engine/revoker.hpp"
#include "ports/associations.hpp"
#include "ports/connection_list.hpp"
#include "ports/credential_source.hpp"

namespace keyfob::engine {

enum class Reconciliation : std::uint8_t {
  ok,                ///< every vehicle is connected
  vehicles_removed,  ///< some were not: they are no longer of this grant
  revoked,           ///< none was, and the grant's own token opens none: its tokens are forgotten
  refused,           ///< none was, and the provider refuses the grant's token: it is on its way by the ordinary rules
  contradicted,      ///< none was, but the grant's own token still shows vehicles: left as it is
  unknown,           ///< the owner's id at the provider is not known: identify() first
  gone,              ///< revoked already, or being revoked
};
[[nodiscard]] std::string_view to_string(Reconciliation result);

struct Reconciled {
  Reconciliation result = Reconciliation::ok;
  std::vector<VehicleId> missing{};
  Grant grant{};
};

class Reconciler {
 public:
  struct Ports {
    Refresher& refresher;
    Broker& broker;
    Revoker& revoker;
    CredentialSource& credentials;
    AssociationStore* associations;
    ConnectionList* connections;
  };
  explicit Reconciler(Ports ports) : ports_(ports), context_(ports.refresher.context()) {}

  struct Ask {
    ProviderUserId provider_user{};
    VehicleId vehicle{};
    std::string cursor{};
  };
  /// What a token of this application opens.
  Task<Result<Identity>> whose(AppId app, AccessToken token);
  /// A page of the application's list: by its management token, else by its v3 credentials.
  Task<Result<ConnectionPage>> connections(AppId app, Ask ask);

  /// Fills in the owner's id at the provider: asked with the grant's own token, else taken from the list if its vehicle
  /// has one owner there. A grant whose owner is known comes back as it is.
  Task<Result<Grant>> identify(GrantRef ref);
  Task<Result<Reconciled>> reconcile(GrantRef ref);

 private:
  Task<Result<GrantRecord>> load(GrantRef ref);
  Task<Result<Identity>> identity_of(GrantRecord record);
  Task<Result<ProviderUserId>> owner_by_list(GrantRecord record);
  Task<Result<Grant>> reassociate(GrantRecord record, ProviderUserId owner, std::vector<VehicleId> vehicles);
  Task<Result<std::vector<VehicleId>>> connected_vehicles(AppId app, ProviderUserId owner);
  Task<Result<Reconciled>> nothing_left(GrantRecord record);

  Ports ports_;
  RefreshContext& context_;
};

}  // namespace keyfob::engine
