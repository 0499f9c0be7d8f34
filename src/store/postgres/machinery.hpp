#pragma once
// PostgresStore::Machinery: what its two source files share: the lanes, the change feed, the bell. Private to it.

#include <atomic>
#include <memory>
#include <random>
#include <utility>

#include "store/postgres/bell.hpp"
#include "store/postgres/change_feed.hpp"
#include "store/postgres/grant_statements.hpp"
#include "store/postgres/postgres_store.hpp"

namespace keyfob {

namespace pg = postgres;

struct PostgresStore::Machinery {
  Machinery(const pg::Settings& settings, const PostgresOptions& options, std::unique_ptr<pg::Session> reading,
            std::unique_ptr<pg::Session> writing)
      : writer_id(some_number()),
        changes(writer_id),
        bell(listening(settings, options), writer_id),
        readers(settings, {options.readers, true, {}, options.metrics}, std::move(reading)),
        writers(settings, {options.writers, false, [this] { bell.ring(); }, options.metrics}, std::move(writing)) {}

  static pg::Settings listening(pg::Settings settings, const PostgresOptions& options) {
    if (!options.listen_url.empty()) settings.url = options.listen_url;
    return settings;
  }

  /// Tells this process's writes from those of others; nothing depends on it being unpredictable.
  static pg::WriterId some_number() {
    std::random_device device;
    return static_cast<pg::WriterId>((static_cast<std::uint64_t>(device()) << 31U) ^ device());
  }

  /// True once a minute: somebody should forget what is too old.
  bool is_new_minute(std::int64_t minute) { return last_minute.exchange(minute) != minute; }

  pg::WriterId writer_id;
  pg::ChangeTracker changes;
  std::atomic<std::int64_t> last_minute = 0;
  pg::Bell bell;
  pg::Lanes readers;
  pg::Lanes writers;
};

}  // namespace keyfob
