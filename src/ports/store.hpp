#pragma once
// Store: all ports that one database stands behind. What needs a part of it takes that part.

#include "ports/app_token_store.hpp"
#include "ports/associations.hpp"
#include "ports/audit.hpp"
#include "ports/directory_store.hpp"
#include "ports/grant_store.hpp"
#include "ports/key_rotation.hpp"
#include "ports/outbox.hpp"

namespace keyfob {

class Store : public GrantReader,
              public RefreshStore,
              public GrantWriter,
              public LatePairs,
              public DueStore,
              public HealthStore,
              public ChangeFeed,
              public ApplicationStore,
              public CallerStore,
              public DataKeyStore,
              public ConsentStore,
              public ResealStore,
              public DataKeyChange,
              public DataKeyHolders,
              public AuditStore,
              public OutboxStore,
              public OwnerLookup,
              public AssociationStore,
              public AppTokenStore {};

}  // namespace keyfob
