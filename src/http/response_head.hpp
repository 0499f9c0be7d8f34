#pragma once
// The head of a response that this server itself says.

#include <cstdint>
#include <string>
#include <string_view>

#include "http/exchange.hpp"

namespace keyfob::http {

/// Standard reason phrase; "Status" for numbers without one.
[[nodiscard]] std::string_view reason_phrase(int status);

struct OwnHead {
  std::string_view date_line;
  bool close = false;
};

/// Status line to empty line, into `out` (which it replaces). Content-Length is that of answer.body.
void write_own_head(std::string& out, const Answer& answer, const OwnHead& own);

/// The header lines of a Response without those that the server says itself and without any that is malformed.
[[nodiscard]] std::string header_lines(const Response& response);

}  // namespace keyfob::http
