#pragma once
// What a SQLSTATE means for Keyfob: outage, refusal and corruption never share a code (PostgreSQL's manual, appendix
// A).

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace keyfob::postgres {

/// What may help after an error that the server reported, which always means: this transaction has not happened.
enum class Remedy : std::uint8_t {
  none,            ///< it would fail again
  again,           ///< the same once more (serialization failure, deadlock)
  another_server,  ///< connect anew, then once more (shut down, standby, idle connection ended)
};

[[nodiscard]] Remedy remedy_of(std::string_view sqlstate);
[[nodiscard]] ErrorCode meaning_of(std::string_view sqlstate);
/// The error with its hint. `message` is PostgreSQL's primary message, which quotes names, never values of ours.
[[nodiscard]] Error error_of(std::string_view sqlstate, std::string_view message);

}  // namespace keyfob::postgres
