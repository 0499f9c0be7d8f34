#pragma once
// The errors of Smartcar's v2.0 API as a table: what each (type, code) answers.

#include <optional>
#include <string>
#include <string_view>

namespace keyfob::sim {

struct ApiError {
  std::string type;
  std::string code;  ///< empty: null on the wire
  int status = 500;
  std::string resolution{};  ///< empty: null
  std::string description{};
  std::optional<int> retry_after{};  ///< seconds
  std::string field{};               ///< the parameter at fault, for VALIDATION
  std::string url{};                 ///< of the resolution: where the owner mends it
};

/// The error of that name, with its status and resolution. An unknown type is SERVER/INTERNAL with a description that
/// says so; an unknown code of a known type is kept as it is (the vendor adds codes).
[[nodiscard]] ApiError api_error(std::string_view type, std::string_view code = {}, std::string_view description = {});

/// https://smartcar.com/docs/errors/api-errors/vehicle-state-errors#asleep
[[nodiscard]] std::string documentation_url(const ApiError& error);

}  // namespace keyfob::sim
