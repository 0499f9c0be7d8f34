#pragma once
// Table: columns for people. JSON is for programs.

#include <string>
#include <utility>
#include <vector>

namespace keyfob::cli {

class Table {
 public:
  explicit Table(std::vector<std::string> headings) : headings_(std::move(headings)) {}
  /// Control characters are shown as '?', so that no stored name can steer a terminal.
  void add(std::vector<std::string> cells);
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  /// Columns padded by spaces, two between them, nothing after the last. `fit`: columns of the screen; a line that is
  /// longer has its widest cells cut, which a '~' at their end says. 0: whatever it takes.
  [[nodiscard]] std::string render(std::size_t fit) const;
  /// To the terminal behind stdout, if there is one.
  [[nodiscard]] std::string render() const;

 private:
  std::vector<std::string> headings_;
  std::vector<std::vector<std::string>> rows_;
};

/// "name:  value" lines with the values in one column.
[[nodiscard]] std::string render_fields(const std::vector<std::pair<std::string, std::string>>& fields);

/// Indented lines of at most 100 columns (of the terminal's, if it has fewer), broken between words.
[[nodiscard]] std::string wrapped(std::string_view text, std::size_t indent);

[[nodiscard]] std::string printable(std::string_view text);

}  // namespace keyfob::cli
