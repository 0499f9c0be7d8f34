#include "apps/keyfob/table.hpp"

#include <algorithm>
#include <string_view>

#include "apps/keyfob/terminal.hpp"

namespace keyfob::cli {
namespace {

constexpr std::size_t kNarrowest = 6;

/// Code points, which is close enough to columns for names.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

void append_cell(std::string& line, const std::string& cell, std::size_t width, bool last) {
  line += cell;
  if (!last) line.append(width - width_of(cell) + 2, ' ');
}

/// The first `width` code points, the last of them a '~' when there were more.
std::string cut(const std::string& text, std::size_t width) {
  if (width_of(text) <= width) return text;
  std::size_t bytes = 0;
  for (std::size_t points = 0; bytes < text.size(); ++bytes) {
    const bool begins = (static_cast<unsigned char>(text[bytes]) & 0xC0U) != 0x80U;
    if (begins && points++ == width - 1) break;
  }
  return text.substr(0, bytes) + "~";
}

/// Takes from the widest column until the line fits or no column can give more.
void narrow(std::vector<std::size_t>& widths, std::size_t fit) {
  std::size_t line = 2 * (widths.size() - 1);
  for (const auto width : widths) line += width;
  while (line > fit) {
    const auto widest = std::ranges::max_element(widths);
    if (*widest <= kNarrowest) return;
    --*widest;
    --line;
  }
}

}  // namespace

std::string wrapped(std::string_view text, std::size_t indent) {
  constexpr std::size_t kUsual = 100;
  const std::size_t screen = terminal_width();
  const std::size_t width = screen == 0 ? kUsual : std::min(screen, kUsual);
  std::string out;
  std::size_t column = 0;
  while (!text.empty()) {
    const auto word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (column != 0 && column + 1 + width_of(word) > width) {
      out += '\n';
      column = 0;
    }
    out += column == 0 ? std::string(indent, ' ') : " ";
    column += (column == 0 ? indent : 1) + width_of(word);
    out += word;
  }
  return out.empty() ? out : out + '\n';
}

std::string printable(std::string_view text) {
  std::string out(text);
  std::ranges::replace_if(
      out, [](char c) { return static_cast<unsigned char>(c) < 0x20U || static_cast<unsigned char>(c) == 0x7FU; }, '?');
  return out;
}

void Table::add(std::vector<std::string> cells) {
  cells.resize(headings_.size());
  for (auto& cell : cells) cell = cell.empty() ? "-" : printable(cell);
  rows_.push_back(std::move(cells));
}

std::string Table::render() const { return render(terminal_width()); }

std::string Table::render(std::size_t fit) const {
  std::vector<std::size_t> widths;
  for (const auto& heading : headings_) widths.push_back(width_of(heading));
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  if (fit != 0) narrow(widths, fit);
  std::string out;
  const auto append_row = [&](const std::vector<std::string>& row) {
    for (std::size_t i = 0; i < row.size(); ++i)
      append_cell(out, cut(row[i], widths[i]), widths[i], i + 1 == row.size());
    out += '\n';
  };
  append_row(headings_);
  for (const auto& row : rows_) append_row(row);
  return out;
}

std::string render_fields(const std::vector<std::pair<std::string, std::string>>& fields) {
  std::size_t width = 0;
  for (const auto& [name, value] : fields) width = std::max(width, width_of(name));
  std::string out;
  for (const auto& [name, value] : fields) {
    append_cell(out, name, width, false);
    out += (value.empty() ? "-" : printable(value)) + "\n";
  }
  return out;
}

}  // namespace keyfob::cli
