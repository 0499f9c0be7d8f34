#pragma once
// What other writers changed: asked by transaction id, so that nothing is missed however late a commit becomes visible.
//
// A row carries the id of the transaction that changed it last. A look answers every row of a transaction that was not
// over yet at the look before: the oldest of those is the cursor. Rows that were told already are left out by memory.

#include <map>
#include <mutex>
#include <set>
#include <string>

#include "ports/grant_store.hpp"
#include "store/postgres/grant_statements.hpp"

namespace keyfob::postgres {

class ChangeTracker {
 public:
  explicit ChangeTracker(WriterId writer) : writer_(writer) {}

  /// Any thread, as the rest.
  [[nodiscard]] Question question(const std::string& cursor) const;
  [[nodiscard]] Changes answer(const std::string& cursor, std::span<Rows> rows);

 private:
  /// Where a reader stands.
  struct Place {
    std::int64_t oldest = 0;     ///< transactions from here on may still change something
    std::int64_t directory = 0;  ///< changes of the directory
    std::int64_t looked_at = 0;  ///< by the database's clock
    std::int64_t reader = 0;
  };
  using Told = std::set<std::pair<std::int64_t, std::string>>;  // transaction, grant

  [[nodiscard]] static std::optional<Place> place_from(const std::string& cursor);
  [[nodiscard]] static std::string cursor_of(const Place& place);
  static void read_changed(Rows& rows, Told& told, Changes& changes);

  WriterId writer_;
  std::mutex mutex_;
  std::int64_t last_reader_ = 0;
  std::map<std::int64_t, Told> told_;  // by reader
};

}  // namespace keyfob::postgres
