#pragma once
// Reading the API's answers for people: a member that is missing or null shows as an empty cell.

#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace keyfob::cli {

/// Strings as they are, numbers and booleans in JSON's form, lists joined by ", ".
[[nodiscard]] std::string text_of(const boost::json::value& object, std::string_view name);
/// The elements of a list member; empty when there is none.
[[nodiscard]] std::vector<const boost::json::value*> elements_of(const boost::json::value& object,
                                                                 std::string_view name);

}  // namespace keyfob::cli
