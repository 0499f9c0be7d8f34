#pragma once
// Query: the parameters of a request's target, decoded, each at most once.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace keyfob::api {

class Query {
 public:
  Query() = default;
  /// invalid_argument: a parameter that cannot be decoded or comes twice.
  [[nodiscard]] static Result<Query> parse(std::string_view text);

  /// invalid_argument when there is a parameter that is not in the space-separated list `known`, with the nearest one.
  /// A mistyped name must not turn a narrow request into a wide one.
  [[nodiscard]] Result<void> only(std::string_view known) const;

  /// Empty when the parameter is absent or empty.
  [[nodiscard]] std::string text(std::string_view name) const;
  /// invalid_argument: neither `true` nor `false`.
  [[nodiscard]] Result<bool> flag(std::string_view name) const;
  /// `absent` when there is none. invalid_argument: not a whole number from 1 to `most`.
  [[nodiscard]] Result<std::size_t> count(std::string_view name, std::size_t absent, std::size_t most) const;

 private:
  struct Parameter {
    std::string name;
    std::string value;
  };
  [[nodiscard]] const Parameter* find(std::string_view name) const;

  std::vector<Parameter> parameters_;
};

}  // namespace keyfob::api
