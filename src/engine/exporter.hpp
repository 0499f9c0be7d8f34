#pragma once
// Exporter: grants with their pairs in the clear, for leaving. Whoever calls it puts each disclosure on record first.
// Engine executor only.

#include <string>
#include <vector>

#include "engine/refresher.hpp"

namespace keyfob::engine {

struct ExportedGrant {
  Grant grant;
  TokenPair pair;
};
struct ExportPage {
  std::vector<ExportedGrant> grants{};
  std::size_t without_tokens = 0;  ///< revoked, or being revoked
  std::size_t damaged = 0;         ///< do not open; they stay as they are
  std::size_t unsettled = 0;       ///< among `grants`: a refresh was under way, so this pair may be spent already
  std::string next_cursor{};       ///< empty: this was the last page
};

class Exporter {
 public:
  explicit Exporter(Refresher& refresher) : refresher_(refresher), context_(refresher.context()) {}

  /// A pair that this node holds in its spool stands for the older one of the store.
  Task<Result<ExportPage>> page(GrantFilter filter);

 private:
  Refresher& refresher_;
  RefreshContext& context_;
};

}  // namespace keyfob::engine
