#pragma once
// Opening what the configuration names: the only place that knows which class stands behind which word.

#include <memory>

#include "base/result.hpp"
#include "config/config.hpp"
#include "ports/change_notices.hpp"
#include "ports/event_sink.hpp"
#include "ports/key_provider.hpp"
#include "ports/row_mirror.hpp"
#include "ports/store.hpp"

namespace keyfob::node {

/// [store]. `create`: make it when it is not there. `metrics` learn what calls take. The errors are those of the store.
[[nodiscard]] Result<std::unique_ptr<Store>> open_store(const config::StoreConfig& store, bool create,
                                                        Metrics* metrics = nullptr);

/// A store whose rows are the mirror's; what is at `path` is made anew.
[[nodiscard]] Result<std::unique_ptr<Store>> open_mirrored(const std::string& path, RowMirror& mirror,
                                                           Metrics* metrics = nullptr);

/// The store's power to tell of changes at once; null when it has none.
[[nodiscard]] ChangeNotices* notices_of(Store& store);

/// The file behind a "sqlite:" URL; empty for other stores.
[[nodiscard]] std::string sqlite_path(const config::StoreConfig& store);

/// A reference as [keys] master has it. Never makes a key; an "env:" variable is taken out of the environment once it
/// is read.
[[nodiscard]] Result<std::unique_ptr<KeyProvider>> open_master_key(const std::string& reference);

}  // namespace keyfob::node
