#include "config/section.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/nearest.hpp"

namespace keyfob::config {
namespace {

constexpr std::array<std::pair<std::string_view, unsigned>, 4> kSizeUnits = {
    {{"", 0U}, {"KiB", 10U}, {"MiB", 20U}, {"GiB", 30U}}};

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  const std::string_view suffix = text.substr(static_cast<std::size_t>(end - text.data()));
  for (const auto& [unit, shift] : kSizeUnits) {
    if (suffix != unit) continue;
    if (number > (std::numeric_limits<std::uint64_t>::max() >> shift)) return std::nullopt;
    return number << shift;
  }
  return std::nullopt;
}

Section::Section(const TomlTable* table, std::string path, std::uint32_t line, Problems& problems)
    : table_(table), path_(std::move(path)), line_(line), problems_(&problems) {}

const TomlNode* Section::find(std::string_view key) const {
  if (table_ == nullptr) return nullptr;
  const auto at = std::ranges::find(*table_, key, &TomlTable::value_type::first);
  return at == table_->end() ? nullptr : &at->second;
}

const TomlNode* Section::take(std::string_view key) {
  if (std::ranges::find(known_, key) == known_.end()) known_.emplace_back(key);
  return find(key);
}

std::uint32_t Section::line_of(std::string_view key) const {
  const TomlNode* node = find(key);
  return node == nullptr ? line_ : node->line;
}

std::string Section::name_of(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

void Section::report(std::string_view key, std::string_view what, std::string hint) {
  problems_->push_back({line_of(key), fmt::format("{} {}", name_of(key), what), std::move(hint)});
}

const std::string* Section::text_at(std::string_view key) {
  const TomlNode* node = take(key);
  if (node == nullptr) return nullptr;
  const auto* text = node->as<std::string>();
  if (text == nullptr) report(key, "must be text in quotes", fmt::format("write {} = \"...\"", key));
  return text;
}

void Section::read_text(std::string_view key, std::string& out) {
  if (const std::string* text = text_at(key)) out = *text;
}

void Section::read_text(std::string_view key, std::optional<std::string>& out) {
  if (const std::string* text = text_at(key)) out = *text;
}

void Section::read_texts(std::string_view key, std::vector<std::string>& out) {
  const TomlNode* node = take(key);
  if (node == nullptr) return;
  const auto* array = node->as<TomlArray>();
  const auto is_text = [](const TomlNode& item) { return item.as<std::string>() != nullptr; };
  if (array == nullptr || !std::ranges::all_of(*array, is_text)) {
    return report(key, "must be a list of texts", fmt::format("write {} = [\"...\", \"...\"]", key));
  }
  out.clear();
  for (const TomlNode& item : *array) out.push_back(*item.as<std::string>());
}

void Section::read_flag(std::string_view key, std::optional<bool>& out) {
  const TomlNode* node = take(key);
  if (node == nullptr) return;
  if (const bool* flag = node->as<bool>()) {
    out = *flag;
  } else {
    report(key, "must be true or false", "without quotes");
  }
}

void Section::read_flag(std::string_view key, bool& out) {
  std::optional<bool> flag;
  read_flag(key, flag);
  out = flag.value_or(out);
}

void Section::read_duration(std::string_view key, std::optional<Milliseconds>& out, DurationRange range) {
  const TomlNode* node = take(key);
  if (node == nullptr) return;
  const auto* text = node->as<std::string>();
  const std::optional<Milliseconds> value = text == nullptr ? std::nullopt : parse_duration(*text);
  if (!value) {
    return report(key, "must be a duration in quotes, with its unit",
                  fmt::format("like {} = \"90s\", \"5m\", \"2h\" or \"7d\"", key));
  }
  if (*value < range.min || *value > range.max) {
    return report(key, fmt::format("is {}", *text),
                  fmt::format("it can be {} to {}", format_duration(range.min), format_duration(range.max)));
  }
  out = *value;
}

void Section::read_duration(std::string_view key, Milliseconds& out, DurationRange range) {
  std::optional<Milliseconds> value;
  read_duration(key, value, range);
  out = value.value_or(out);
}

std::optional<std::uint64_t> Section::in_range(std::string_view key, std::uint64_t value, NumberRange range) {
  if (value >= range.min && value <= range.max) return value;
  report(key, fmt::format("is {}", value), fmt::format("it can be {} to {}", range.min, range.max));
  return std::nullopt;
}

void Section::read_size(std::string_view key, std::uint64_t& out, NumberRange range) {
  const TomlNode* node = take(key);
  if (node == nullptr) return;
  const auto* text = node->as<std::string>();
  const std::optional<std::uint64_t> value = text == nullptr ? std::nullopt : parse_size(*text);
  if (!value) return report(key, "must be a size in quotes", fmt::format("like {} = \"64KiB\" or \"1MiB\"", key));
  out = in_range(key, *value, range).value_or(out);
}

void Section::read_number(std::string_view key, std::uint64_t& out, NumberRange range) {
  const TomlNode* node = take(key);
  if (node == nullptr) return;
  const auto* number = node->as<std::int64_t>();
  if (number == nullptr || *number < 0) {
    return report(key, "must be a whole number", fmt::format("like {} = {}", key, out));
  }
  out = in_range(key, static_cast<std::uint64_t>(*number), range).value_or(out);
}

void Section::read_number(std::string_view key, std::uint32_t& out, NumberRange range) {
  std::uint64_t wide = out;
  read_number(key, wide, {range.min, std::min<std::uint64_t>(range.max, std::numeric_limits<std::uint32_t>::max())});
  out = static_cast<std::uint32_t>(wide);
}

const std::string* Section::word_at(std::string_view key, const std::vector<std::string_view>& words) {
  const std::string* text = text_at(key);
  if (text == nullptr || std::ranges::find(words, *text) != words.end()) return text;
  report(key, fmt::format("is \"{}\"", *text), fmt::format("it can be \"{}\"", fmt::join(words, "\", \"")));
  return nullptr;
}

void Section::read_word(std::string_view key, std::optional<std::string>& out,
                        std::initializer_list<std::string_view> words) {
  if (const std::string* word = word_at(key, words)) out = *word;
}

void Section::read_word(std::string_view key, std::string& out, std::initializer_list<std::string_view> words) {
  if (const std::string* word = word_at(key, words)) out = *word;
}

void Section::read_pairs(std::string_view key, std::vector<std::pair<std::string, std::string>>& out) {
  const TomlNode* node = take(key);
  if (node == nullptr) return;
  const auto* table = node->as<TomlTable>();
  const auto is_text = [](const auto& item) { return item.second.template as<std::string>() != nullptr; };
  if (table == nullptr || !std::ranges::all_of(*table, is_text)) {
    return report(key, "must be a table of texts", fmt::format("write {} = {{ name = \"value\" }}", key));
  }
  out.clear();
  for (const auto& [name, value] : *table) out.emplace_back(name, *value.as<std::string>());
}

Section Section::section(std::string_view key) {
  const TomlNode* node = take(key);
  const TomlTable* table = node == nullptr ? nullptr : node->as<TomlTable>();
  if (node != nullptr && table == nullptr) report(key, "must be a table", fmt::format("write [{}]", name_of(key)));
  return {table, name_of(key), line_of(key), *problems_};
}

std::vector<Section> Section::sections(std::string_view key) {
  std::vector<Section> out;
  const TomlNode* node = take(key);
  const TomlArray* array = node == nullptr ? nullptr : node->as<TomlArray>();
  if (node != nullptr && array == nullptr) report(key, "must be a list", fmt::format("write [[{}]]", name_of(key)));
  if (array == nullptr) return out;
  for (const TomlNode& item : *array) {
    if (item.as<TomlTable>() == nullptr) report(key, "must be a list of tables");
    out.emplace_back(item.as<TomlTable>(), name_of(key), item.line, *problems_);
  }
  return out;
}

void Section::refuse_unknown_keys() {
  if (table_ == nullptr) return;
  for (const auto& [key, node] : *table_) {
    if (std::ranges::find(known_, key) != known_.end()) continue;
    const std::string near = nearest(key, known_);
    problems_->push_back({node.line, fmt::format("unknown key {}", name_of(key)),
                          near.empty() ? fmt::format("known here: {}", fmt::join(known_, ", "))
                                       : fmt::format("did you mean {}?", name_of(near))});
  }
}

}  // namespace keyfob::config
