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
  /// Columns padded by spaces, two between them, nothing after the last.
  [[nodiscard]] std::string render() const;

 private:
  std::vector<std::string> headings_;
  std::vector<std::vector<std::string>> rows_;
};

/// "name:  value" lines with the values in one column.
[[nodiscard]] std::string render_fields(const std::vector<std::pair<std::string, std::string>>& fields);

[[nodiscard]] std::string printable(std::string_view text);

}  // namespace keyfob::cli
