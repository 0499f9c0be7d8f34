#pragma once
// Problem: an error answer as application/problem+json (RFC 9457).

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "http/message.hpp"

namespace keyfob::http {

struct Problem {
  int status = 500;
  std::string_view code{};     ///< stable name, member "code"
  std::string detail{};        ///< for people
  Milliseconds retry_after{};  ///< more than 0: a Retry-After header, rounded up to seconds
  std::vector<std::pair<std::string, std::string>> members{};  ///< further members; values are JSON texts
};

/// `code_header`, when not empty, repeats the code as a header.
[[nodiscard]] Response problem_response(const Problem& problem, std::string_view code_header);

/// `text` as a JSON string, quotes included. Invalid UTF-8 is replaced byte by byte.
[[nodiscard]] std::string json_string(std::string_view text);
/// A JSON array of strings.
[[nodiscard]] std::string json_strings(const std::vector<std::string_view>& texts);

}  // namespace keyfob::http
