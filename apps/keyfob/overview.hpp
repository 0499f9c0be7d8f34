#pragma once
// The installation at a glance, read from the store by whoever asks: no daemon has to run, and none is held up.

#include <optional>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "config/config.hpp"
#include "core/grant_counts.hpp"

namespace keyfob::node {

struct Overview {
  struct Node {
    NodeId id;
    WallTime seen{};  ///< when it wrote something last
  };
  GrantCounts grants{};
  std::uint64_t refreshed = 0;    ///< in the last hour, by all nodes
  std::uint64_t refused = 0;      ///< grants whose last refusal is of the last hour
  std::uint64_t due = 0;          ///< grants that the background should have looked at
  Milliseconds lag{};             ///< how far the background is behind
  Milliseconds keep_alive_lag{};  ///< more than 0: a grant is about to expire and nothing refreshes it
  std::vector<Node> nodes{};      ///< seen last first
};

/// A handful of reads, and one that counts all grants. conflict: the store's schema is not this program's. Else the
/// errors of the store.
[[nodiscard]] Result<Overview> look_over(const config::Config& config, WallTime now);

/// How many grants there are, and by when they have to be renewed.
struct Census {
  GrantCounts grants{};
  Renewals renewals{};
};
/// Reads the status of every grant, so it is for people: a second or so for a million. Errors of the store.
[[nodiscard]] Result<Census> take_census(const config::StoreConfig& store, WallTime now);

/// The store's schema and the one that this program writes.
struct Schemas {
  int there = 0;
  int known = 0;
};
/// Changes nothing.
[[nodiscard]] Result<Schemas> schemas_of(const config::StoreConfig& store);

}  // namespace keyfob::node
