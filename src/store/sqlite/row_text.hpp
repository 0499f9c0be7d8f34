#pragma once
// A row as text: how a mirrored row is named and written (mirroring.hpp).

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/sqlite/mirroring.hpp"

namespace keyfob::sqlite {

/// "grants/17"; for a table without rowids "marks/t3:apptX:..." with each value as type, length, colon, text.
[[nodiscard]] std::string row_key(const std::string& table, const std::vector<Cell>& key);
/// For each column its name and its value, both as type, length, colon, text.
[[nodiscard]] std::string row_value(const std::vector<std::string>& columns, const std::vector<Cell>& cells);

struct RowText {
  std::string table;
  std::optional<std::int64_t> rowid{};  ///< of tables that have them
  std::vector<std::string> columns{};
  std::vector<Cell> cells{};
};
/// Empty: it was not written by these functions.
[[nodiscard]] std::optional<RowText> parse_row(std::string_view key, std::string_view value);

}  // namespace keyfob::sqlite
