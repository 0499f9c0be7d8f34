#include "apps/keyfob/open_ports.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "keys/master_key.hpp"
#include "store/postgres/postgres_store.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace keyfob::node {
namespace {

constexpr std::string_view kSqlite = "sqlite:";

/// Overwritten where it stands, so that /proc/PID/environ does not show it, then removed.
std::optional<Secret> take_from_environment(const std::string& name) {
  char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  Secret secret{std::string_view(value)};
  wipe(value, std::strlen(value));
  ::unsetenv(name.c_str());
  return secret;
}

Result<std::unique_ptr<Store>> open_postgres(const config::StoreConfig& store, bool create, Metrics* metrics) {
  PostgresOptions options;
  options.create = create;
  options.metrics = metrics;
  options.listen_url = store.listen_url;
  options.own_backend = store.pooler == config::Pooler::none;
  options.readers = std::max(1U, store.connections / 2);
  options.writers = std::max(1U, store.connections - options.readers);
  return PostgresStore::open(store.url, std::move(options));
}

}  // namespace

std::string sqlite_path(const config::StoreConfig& store) {
  return store.url.starts_with(kSqlite) ? store.url.substr(kSqlite.size()) : std::string();
}

Result<std::unique_ptr<Store>> open_store(const config::StoreConfig& store, bool create, Metrics* metrics) {
  const std::string path = sqlite_path(store);
  if (path.empty()) return open_postgres(store, create, metrics);
  SqliteOptions options;
  options.metrics = metrics;
  options.create = create;
  options.keep_log = !create;  // what is made is one file
  return SqliteStore::open(path, std::move(options));
}

Result<std::unique_ptr<Store>> open_mirrored(const std::string& path, RowMirror& mirror, Metrics* metrics) {
  SqliteOptions options;
  options.metrics = metrics;
  options.mirror = &mirror;
  return SqliteStore::open(path, std::move(options));
}

ChangeNotices* notices_of(Store& store) { return dynamic_cast<ChangeNotices*>(&store); }

Result<std::unique_ptr<KeyProvider>> open_master_key(const std::string& reference) {
  return keys::open_master_key(reference, take_from_environment);
}

}  // namespace keyfob::node
