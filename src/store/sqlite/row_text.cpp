#include "store/sqlite/row_text.hpp"

#include <charconv>

namespace keyfob::sqlite {
namespace {

constexpr std::string_view kTypes = "nitb";

void append(std::string& out, char type, std::string_view text) {
  out += type;
  out += std::to_string(text.size());
  out += ':';
  out += text;
}

std::optional<Cell> take(std::string_view& rest) {
  if (rest.empty() || kTypes.find(rest.front()) == std::string_view::npos) return std::nullopt;
  Cell cell{.type = rest.front()};
  std::size_t size = 0;
  const auto [end, error] = std::from_chars(rest.data() + 1, rest.data() + rest.size(), size);
  if (error != std::errc()) return std::nullopt;
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  if (rest.empty() || rest.front() != ':' || rest.size() - 1 < size) return std::nullopt;
  cell.text = rest.substr(1, size);
  rest.remove_prefix(size + 1);
  return cell;
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

std::string row_key(const std::string& table, const std::vector<Cell>& key) {
  if (key.size() == 1 && key.front().type == 'i') return table + '/' + key.front().text;
  std::string out = table + '/';
  for (const Cell& cell : key) append(out, cell.type, cell.text);
  return out;
}

std::string row_value(const std::vector<std::string>& columns, const std::vector<Cell>& cells) {
  std::string out;
  for (std::size_t i = 0; i < columns.size() && i < cells.size(); ++i) {
    append(out, 't', columns[i]);
    append(out, cells[i].type, cells[i].text);
  }
  return out;
}

std::optional<RowText> parse_row(std::string_view key, std::string_view value) {
  const auto slash = key.find('/');
  if (slash == std::string_view::npos || slash == 0) return std::nullopt;
  RowText row{.table = std::string(key.substr(0, slash)), .rowid = whole_number(key.substr(slash + 1))};
  while (!value.empty()) {
    auto column = take(value);
    auto cell = column ? take(value) : std::nullopt;
    if (!cell || column->type != 't') return std::nullopt;
    if (cell->type == 'i' && !whole_number(cell->text)) return std::nullopt;
    row.columns.push_back(std::move(column->text));
    row.cells.push_back(std::move(*cell));
  }
  if (row.columns.empty()) return std::nullopt;
  return row;
}

}  // namespace keyfob::sqlite
