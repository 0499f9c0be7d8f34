#pragma once
// Mirroring: keeps a RowMirror at the state of a database whose one writer it watches. Which rows a transaction touched
// SQLite's preupdate hook says; they are read again before COMMIT and passed on as one batch, so that nothing is
// reported as done that the mirror does not have. The database itself is then a working copy, made anew at each start.
//
// A row's key is its table and its rowid, or its primary key where the table has no rowid. Its value has every column
// by name, so that rows of an older schema can be put back before the migrations that follow it.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ports/row_mirror.hpp"
#include "store/sqlite/connection.hpp"

namespace keyfob::sqlite {

/// How one table's rows are named and written.
struct MirroredTable {
  std::string name;
  std::vector<std::string> columns{};
  std::vector<std::size_t> key{};  ///< columns of the primary key of a table without rowids; empty: the rowid
  bool own_rowid = false;          ///< the rowid is none of its columns
};

/// One column's value; a text, bytes, an integer or null.
struct Cell {
  char type = 'n';  ///< n, i, t, b
  std::string text{};
  friend auto operator<=>(const Cell&, const Cell&) = default;
};

/// Every row of a database of ours, by key.
[[nodiscard]] Result<std::map<std::string, std::string>> rows_of(Connection& connection);

/// Used on the writer's thread.
class Mirroring {
 public:
  /// An empty database becomes what the mirror has, is migrated to this program's schema, and is watched from then on;
  /// what the migration changed is passed on. conflict: the rows are of a newer program. damaged: they do not read.
  static Result<std::unique_ptr<Mirroring>> begin(Connection& connection, RowMirror& mirror);
  ~Mirroring();
  Mirroring(const Mirroring&) = delete;
  Mirroring& operator=(const Mirroring&) = delete;

  /// Before COMMIT: what the transaction touched goes to the mirror.
  Result<void> publish();
  /// After it, or after the transaction was given up. A published one that is not in the working copy, or one of which
  /// the mirror does not know whether it has it, ends all writing until the store is opened anew.
  void settle(bool committed);

  /// For SQLite's hook.
  void touched(const std::string& table, std::vector<Cell> key);

 private:
  Mirroring(Connection& connection, RowMirror& mirror) : connection_(connection), mirror_(mirror) {}
  Result<void> restore(const MirroredRows& rows);
  Result<void> learn_tables();
  Result<void> catch_up(const MirroredRows& rows);
  void watch();

  Connection& connection_;
  RowMirror& mirror_;
  std::map<std::string, MirroredTable> tables_;
  std::map<std::string, std::vector<std::vector<Cell>>> touched_;
  std::uint64_t number_ = 0;
  bool published_ = false;
  bool broken_ = false;
};

}  // namespace keyfob::sqlite
