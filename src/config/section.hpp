#pragma once
// Section: reads one TOML table key by key into a Config and notices every key that nobody read.

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "config/toml_tree.hpp"

namespace keyfob::config {

struct Problem {
  std::uint32_t line;
  std::string what;  ///< without file and line
  std::string hint;
};
using Problems = std::vector<Problem>;

struct DurationRange {
  Milliseconds min{1};
  Milliseconds max = days(3650);
};
struct NumberRange {
  std::uint64_t min = 0;
  std::uint64_t max = std::numeric_limits<std::int64_t>::max();
};

/// Each read_ function leaves `out` alone when the key is absent, and adds a Problem when its value does not fit.
/// The table and the problems must outlive the section.
class Section {
 public:
  /// `table` may be null: then every key is absent. `path` is the dotted name, empty for the root.
  Section(const TomlTable* table, std::string path, std::uint32_t line, Problems& problems);

  void read_text(std::string_view key, std::string& out);
  void read_text(std::string_view key, std::optional<std::string>& out);
  void read_texts(std::string_view key, std::vector<std::string>& out);
  void read_flag(std::string_view key, bool& out);
  void read_flag(std::string_view key, std::optional<bool>& out);
  void read_duration(std::string_view key, Milliseconds& out, DurationRange range = {});
  void read_duration(std::string_view key, std::optional<Milliseconds>& out, DurationRange range = {});
  void read_size(std::string_view key, std::uint64_t& out, NumberRange range = {});
  void read_number(std::string_view key, std::uint64_t& out, NumberRange range = {});
  void read_number(std::string_view key, std::uint32_t& out, NumberRange range = {0, 0xFFFFFFFFU});
  /// A text out of a closed set of words.
  void read_word(std::string_view key, std::string& out, std::initializer_list<std::string_view> words);
  void read_word(std::string_view key, std::optional<std::string>& out, std::initializer_list<std::string_view> words);
  template <class Enum>
  void read_choice(std::string_view key, Enum& out, std::initializer_list<std::pair<std::string_view, Enum>> choices) {
    std::vector<std::string_view> words;
    for (const auto& [word, value] : choices) words.push_back(word);
    const std::string* text = word_at(key, words);
    for (const auto& [word, value] : choices) {
      if (text != nullptr && *text == word) out = value;
    }
  }
  /// A table of texts, sorted by name.
  void read_pairs(std::string_view key, std::vector<std::pair<std::string, std::string>>& out);

  [[nodiscard]] bool has(std::string_view key) const { return find(key) != nullptr; }
  /// The table at `key`, absent or not.
  [[nodiscard]] Section section(std::string_view key);
  /// Every table of the array at `key`.
  [[nodiscard]] std::vector<Section> sections(std::string_view key);
  /// The node at `key`, counted as read; null when absent.
  [[nodiscard]] const TomlNode* take(std::string_view key);
  [[nodiscard]] const TomlTable* table() const { return table_; }

  /// Line of the key, or of the section when it is absent.
  [[nodiscard]] std::uint32_t line_of(std::string_view key) const;
  [[nodiscard]] std::string name_of(std::string_view key) const;
  void report(std::string_view key, std::string_view what, std::string hint = {});
  /// Adds a Problem for every key that was never asked for.
  void refuse_unknown_keys();

 private:
  [[nodiscard]] const TomlNode* find(std::string_view key) const;
  [[nodiscard]] const std::string* text_at(std::string_view key);
  [[nodiscard]] const std::string* word_at(std::string_view key, const std::vector<std::string_view>& words);
  [[nodiscard]] std::optional<std::uint64_t> in_range(std::string_view key, std::uint64_t value, NumberRange range);

  const TomlTable* table_;
  std::string path_;
  std::uint32_t line_;
  Problems* problems_;
  std::vector<std::string> known_;
};

/// "64", "64KiB", "1MiB", "2GiB" in bytes.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);

}  // namespace keyfob::config
