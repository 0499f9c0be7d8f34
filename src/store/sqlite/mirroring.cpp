#include "store/sqlite/mirroring.hpp"

// The hook and its functions are declared only for those who ask.
#define SQLITE_ENABLE_PREUPDATE_HOOK
#include <sqlite3.h>

#include <algorithm>
#include <set>
#include <utility>

#include "store/sqlite/row_text.hpp"
#include "store/sqlite/schema.hpp"

namespace keyfob::sqlite {
namespace {

constexpr const char* kAgain = "open the store anew: it is made from what was passed on";

/// A statement of one use, whose text is not a constant.
class Statement {
 public:
  Statement(Connection& connection, const std::string& sql) : connection_(connection) {
    const int code = sqlite3_prepare_v2(connection.native(), sql.c_str(), -1, &statement_, nullptr);
    if (code != SQLITE_OK) connection_.record_failure(code);
  }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement() { sqlite3_finalize(statement_); }

  void bind(int at, const Cell& cell) {
    const auto size = static_cast<int>(cell.text.size());
    switch (cell.type) {
      case 'i': sqlite3_bind_int64(statement_, at, std::stoll(cell.text)); return;
      case 't': sqlite3_bind_text(statement_, at, cell.text.data(), size, SQLITE_TRANSIENT); return;
      case 'b': sqlite3_bind_blob(statement_, at, cell.text.data(), size, SQLITE_TRANSIENT); return;
      default: sqlite3_bind_null(statement_, at);
    }
  }
  bool step() {
    if (statement_ == nullptr || connection_.failed()) return false;
    const int code = sqlite3_step(statement_);
    if (code != SQLITE_ROW && code != SQLITE_DONE) connection_.record_failure(code);
    return code == SQLITE_ROW;
  }
  void reset() { sqlite3_reset(statement_); }
  [[nodiscard]] sqlite3_value* value(int column) { return sqlite3_column_value(statement_, column); }
  [[nodiscard]] std::string text(int column);
  [[nodiscard]] std::int64_t integer(int column) { return sqlite3_column_int64(statement_, column); }

 private:
  Connection& connection_;
  sqlite3_stmt* statement_ = nullptr;
};

Cell cell_of(sqlite3_value* value) {
  const auto size = [value] { return static_cast<std::size_t>(sqlite3_value_bytes(value)); };
  switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER: return {'i', std::to_string(sqlite3_value_int64(value))};
    case SQLITE_TEXT: {
      const auto* data = reinterpret_cast<const char*>(sqlite3_value_text(value));
      return {'t', std::string(data, size())};
    }
    case SQLITE_BLOB: {
      const auto* data = static_cast<const char*>(sqlite3_value_blob(value));
      return {'b', data == nullptr ? std::string() : std::string(data, size())};
    }
    default: return {};
  }
}

std::string Statement::text(int column) { return cell_of(value(column)).text; }

std::string joined(const std::vector<std::string>& names, std::string_view tail, std::string_view between) {
  std::string out;
  for (const auto& name : names) out.append(out.empty() ? "" : between).append(name).append(tail);
  return out;
}

std::vector<std::string> key_columns(const MirroredTable& table) {
  if (table.key.empty()) return {"rowid"};
  std::vector<std::string> out;
  for (const std::size_t i : table.key) out.push_back(table.columns[i]);
  return out;
}

std::vector<Cell> cells_of(Statement& row, std::size_t count) {
  std::vector<Cell> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(cell_of(row.value(static_cast<int>(i))));
  return out;
}

/// Each row that a table has: its key, and its value.
void read_all(Connection& connection, const MirroredTable& table, std::map<std::string, std::string>& rows) {
  const auto key = key_columns(table);
  std::vector<std::string> wanted = key;
  wanted.insert(wanted.end(), table.columns.begin(), table.columns.end());
  Statement all(connection, "SELECT " + joined(wanted, "", ",") + " FROM " + table.name);
  while (all.step()) {
    std::vector<Cell> cells = cells_of(all, wanted.size());
    const auto split = cells.begin() + static_cast<std::ptrdiff_t>(key.size());
    const std::vector<Cell> name(cells.begin(), split);
    rows[row_key(table.name, name)] = row_value(table.columns, {split, cells.end()});
  }
}

Result<void> outcome_of(Connection& connection) {
  if (auto failure = connection.take_failure()) return fail(std::move(*failure));
  return {};
}

std::optional<MirroredTable> describe(Connection& connection, const std::string& name, bool without_rowid) {
  MirroredTable table{.name = name, .own_rowid = !without_rowid};
  Statement columns(connection, "SELECT name, pk, type FROM pragma_table_info('" + name + "') ORDER BY cid");
  std::map<std::int64_t, std::size_t> key;
  while (columns.step()) {
    if (const std::int64_t place = columns.integer(1); place > 0) {
      key[place] = table.columns.size();
      if (columns.text(2) == "INTEGER" && !without_rowid) table.own_rowid = false;
    }
    table.columns.push_back(columns.text(0));
  }
  if (!without_rowid && key.size() > 1) table.own_rowid = true;
  if (without_rowid)
    for (const auto& [place, column] : key) table.key.push_back(column);
  if (table.columns.empty()) return std::nullopt;
  return table;
}

Result<void> insert(Connection& connection, const MirroredTable& table, const RowText& row) {
  std::vector<std::string> columns = row.columns;
  std::vector<Cell> cells = row.cells;
  for (const auto& column : columns)
    if (std::ranges::find(table.columns, column) == table.columns.end())
      return fail(ErrorCode::damaged, "a row of " + table.name + " has a column that the table has not");
  if (table.own_rowid) {
    if (!row.rowid) return fail(ErrorCode::damaged, "a row of " + table.name + " has no number");
    columns.emplace_back("rowid");
    cells.push_back({'i', std::to_string(*row.rowid)});
  }
  const std::vector<std::string> marks(columns.size(), "?");
  Statement put(connection, "INSERT OR REPLACE INTO " + table.name + " (" + joined(columns, "", ",") + ") VALUES (" +
                                joined(marks, "", ",") + ")");
  for (std::size_t i = 0; i < cells.size(); ++i) put.bind(static_cast<int>(i) + 1, cells[i]);
  put.step();
  return outcome_of(connection);
}

int schema_of(const std::vector<RowText>& rows) {
  std::int64_t version = 0;
  for (const auto& row : rows)
    if (row.table == "schema_migrations" && !row.cells.empty() && row.cells.front().type == 'i')
      version = std::max<std::int64_t>(version, std::stoll(row.cells.front().text));
  return static_cast<int>(std::min<std::int64_t>(version, 1 << 20));
}

std::vector<Cell> key_now(sqlite3* handle, const MirroredTable& table, int (*read)(sqlite3*, int, sqlite3_value**)) {
  std::vector<Cell> key;
  for (const std::size_t column : table.key) {
    sqlite3_value* value = nullptr;
    const bool there = read(handle, static_cast<int>(column), &value) == SQLITE_OK && value != nullptr;
    key.push_back(there ? cell_of(value) : Cell{});
  }
  return key;
}

std::map<std::string, MirroredTable> tables_of(Connection& connection) {
  std::map<std::string, MirroredTable> tables;
  Statement all(connection,
                "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table' "
                "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'");
  while (all.step()) {
    const std::string name = all.text(0);
    if (auto table = describe(connection, name, all.integer(1) != 0)) tables.emplace(name, std::move(*table));
  }
  return tables;
}

}  // namespace

Result<std::map<std::string, std::string>> rows_of(Connection& connection) {
  std::map<std::string, std::string> rows;
  for (const auto& [name, table] : tables_of(connection)) read_all(connection, table, rows);
  if (auto fine = outcome_of(connection); !fine) return fail(std::move(fine.error()));
  return rows;
}

Result<std::unique_ptr<Mirroring>> Mirroring::begin(Connection& connection, RowMirror& mirror) {
  std::unique_ptr<Mirroring> self(new Mirroring(connection, mirror));
  auto rows = mirror.load();
  if (!rows) return fail(std::move(rows.error()));
  self->number_ = rows->number;
  if (auto restored = self->restore(*rows); !restored) return fail(std::move(restored.error()));
  if (auto migrated = migrate(connection, EmptyFile::make_store); !migrated) return fail(std::move(migrated.error()));
  if (auto learnt = self->learn_tables(); !learnt) return fail(std::move(learnt.error()));
  if (auto caught_up = self->catch_up(*rows); !caught_up) return fail(std::move(caught_up.error()));
  self->watch();
  return self;
}

Mirroring::~Mirroring() { sqlite3_preupdate_hook(connection_.native(), nullptr, nullptr); }

Result<void> Mirroring::restore(const MirroredRows& rows) {
  std::vector<RowText> parsed;
  for (const auto& [key, value] : rows.rows) {
    auto row = parse_row(key, value);
    if (!row) return fail(ErrorCode::damaged, "a row that was passed on does not read: " + key.substr(0, 40));
    parsed.push_back(std::move(*row));
  }
  if (parsed.empty()) return {};
  const int version = schema_of(parsed);
  if (version > migrations().back().number)
    return fail(ErrorCode::conflict,
                "the rows have schema " + std::to_string(version) + ", this program knows " +
                    std::to_string(migrations().back().number),
                "use a newer keyfob");
  if (auto made = migrate(connection_, EmptyFile::make_store, version); !made) return made;
  if (auto learnt = learn_tables(); !learnt) return learnt;
  connection_.execute("BEGIN IMMEDIATE");
  for (const auto& row : parsed) {
    const auto table = tables_.find(row.table);
    if (table == tables_.end()) return fail(ErrorCode::damaged, "a row of a table that is not known: " + row.table);
    if (auto put = insert(connection_, table->second, row); !put) return put;
  }
  connection_.execute("COMMIT");
  return outcome_of(connection_);
}

Result<void> Mirroring::learn_tables() {
  tables_ = tables_of(connection_);
  return outcome_of(connection_);
}

/// What the mirror has becomes what is here: everything at the first start, afterwards what a migration changed.
Result<void> Mirroring::catch_up(const MirroredRows& rows) {
  auto now = rows_of(connection_);
  if (!now) return fail(std::move(now.error()));
  MirrorBatch batch{.number = number_ + 1, .writes = {}};
  for (const auto& [key, value] : *now) {
    const auto before = rows.rows.find(key);
    if (before == rows.rows.end() || before->second != value) batch.writes.push_back({key, value});
  }
  for (const auto& [key, value] : rows.rows)
    if (!now->contains(key)) batch.writes.push_back({key, std::nullopt});
  if (batch.writes.empty()) return {};
  if (auto applied = mirror_.apply(batch); !applied) return applied;
  number_ = batch.number;
  return {};
}

void Mirroring::watch() {
  auto hook = [](void* self, sqlite3* handle, int what, const char* schema, const char* name, sqlite3_int64 before,
                 sqlite3_int64 after) {
    auto& mirroring = *static_cast<Mirroring*>(self);
    const auto found = mirroring.tables_.find(name);
    if (std::string_view(schema) != "main" || found == mirroring.tables_.end()) return;
    const MirroredTable& table = found->second;
    const bool by_rowid = table.key.empty();
    if (what != SQLITE_INSERT)
      mirroring.touched(table.name, by_rowid ? std::vector<Cell>{{'i', std::to_string(before)}}
                                             : key_now(handle, table, sqlite3_preupdate_old));
    if (what != SQLITE_DELETE)
      mirroring.touched(table.name, by_rowid ? std::vector<Cell>{{'i', std::to_string(after)}}
                                             : key_now(handle, table, sqlite3_preupdate_new));
  };
  sqlite3_preupdate_hook(connection_.native(), hook, this);
}

void Mirroring::touched(const std::string& table, std::vector<Cell> key) { touched_[table].push_back(std::move(key)); }

Result<void> Mirroring::publish() {
  if (broken_) return fail(ErrorCode::unavailable, "the rows could not be passed on before", kAgain);
  MirrorBatch batch{.number = number_ + 1, .writes = {}};
  for (auto& [name, keys] : touched_) {
    const MirroredTable& table = tables_.at(name);
    std::ranges::sort(keys);
    const auto repeated = std::ranges::unique(keys);
    keys.erase(repeated.begin(), repeated.end());
    Statement one(connection_, "SELECT " + joined(table.columns, "", ",") + " FROM " + name + " WHERE " +
                                   joined(key_columns(table), "=?", " AND "));
    for (const auto& key : keys) {
      for (std::size_t i = 0; i < key.size(); ++i) one.bind(static_cast<int>(i) + 1, key[i]);
      MirrorWrite write{.key = row_key(name, key)};
      if (one.step()) write.value = row_value(table.columns, cells_of(one, table.columns.size()));
      batch.writes.push_back(std::move(write));
      one.reset();
    }
  }
  if (connection_.failed() || batch.writes.empty()) return {};
  auto applied = mirror_.apply(batch);
  published_ = applied.has_value();
  broken_ = !applied && applied.error().code != ErrorCode::unavailable;
  return applied;
}

void Mirroring::settle(bool committed) {
  touched_.clear();
  if (published_) ++number_;
  broken_ = broken_ || (published_ && !committed);
  published_ = false;
}

}  // namespace keyfob::sqlite
