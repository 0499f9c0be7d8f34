#include "config/toml_tree.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace keyfob::config {
namespace {

/// toml++ ends the program where it finds itself in a state that it does not expect, and some malformed files bring it
/// there.
struct Unexpected : std::logic_error {
  using std::logic_error::logic_error;
};

[[noreturn]] void unexpected(const char* state) { throw Unexpected(state); }

}  // namespace
}  // namespace keyfob::config

#define TOML_EXCEPTIONS 1
#define TOML_ASSERT(state) (static_cast<bool>(state) ? void() : keyfob::config::unexpected(#state))
#include <toml++/toml.h>

namespace keyfob::config {
namespace {

TomlNode convert(const toml::node& node, std::uint32_t line);

TomlTable convert_table(const toml::table& table) {
  TomlTable out;
  for (const auto& [key, child] : table) out.emplace_back(key.str(), convert(child, key.source().begin.line));
  return out;
}

TomlArray convert_array(const toml::array& array) {
  TomlArray out;
  for (const toml::node& child : array) out.push_back(convert(child, child.source().begin.line));
  return out;
}

TomlNode convert(const toml::node& node, std::uint32_t line) {
  TomlNode out{line, TomlNode::Other{}};
  if (const auto* table = node.as_table()) out.value = convert_table(*table);
  if (const auto* array = node.as_array()) out.value = convert_array(*array);
  if (const auto* text = node.as_string()) out.value = text->get();
  if (const auto* number = node.as_integer()) out.value = number->get();
  if (const auto* number = node.as_floating_point()) out.value = number->get();
  if (const auto* flag = node.as_boolean()) out.value = flag->get();
  return out;
}

}  // namespace

Result<TomlNode> parse_toml(std::string_view text, std::string_view file) {
  constexpr std::string_view kHint = "the file must be TOML: key = \"text in quotes\", key = 1, [section]";
  try {
    return convert(toml::parse(text, file), 1);
  } catch (const toml::parse_error& error) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{}:{}: {}", file, error.source().begin.line, error.description()), std::string(kHint));
  } catch (const Unexpected&) {
    return fail(ErrorCode::invalid_argument, fmt::format("{}: this is not TOML", file), std::string(kHint));
  }
}

}  // namespace keyfob::config
