#pragma once
// The text of one log line, without time and level.

#include <initializer_list>
#include <string>
#include <string_view>

#include "telemetry/log.hpp"

namespace keyfob::telemetry {

/// `message key=value key="two words"`, control characters and invalid UTF-8 as \xNN.
[[nodiscard]] std::string human_line(std::string_view message, std::initializer_list<LogField> fields);

/// `"message":"...","key":"value"`: the inside of a JSON object (RFC 8259), invalid UTF-8 as \xNN.
[[nodiscard]] std::string json_members(std::string_view message, std::initializer_list<LogField> fields);

}  // namespace keyfob::telemetry
