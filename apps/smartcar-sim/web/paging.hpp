#pragma once
// v2 paging: `limit` and `offset` in the query, `paging` in the answer.

#include <string>
#include <string_view>
#include <vector>

#include "web/json.hpp"
#include "web/sim.hpp"

namespace keyfob::sim {

struct PageSize {
  std::size_t usual;
  std::size_t most;
};

/// A number of the query between 0 and `most`; nothing when it is malformed or out of range.
[[nodiscard]] std::optional<std::size_t> count_parameter(const Call& call, std::string_view name, std::size_t usual,
                                                         std::size_t most);

/// {"<name>":[...],"paging":{"count":<all>,"offset":<offset>}}, or VALIDATION when the query is wrong.
[[nodiscard]] http::Response page_response(const Call& call, std::string_view name, const std::vector<std::string>& all,
                                           PageSize size);

}  // namespace keyfob::sim
