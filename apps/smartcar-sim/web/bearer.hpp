#pragma once
// Who a v2 call speaks for, and whether it may.

#include <expected>
#include <string>
#include <string_view>

#include "model/api_errors.hpp"
#include "web/sim.hpp"

namespace keyfob::sim {

/// A v2 call that may go on. `vehicle` is null for calls that concern the account.
struct Admission {
  const Grant* grant = nullptr;
  Vehicle* vehicle = nullptr;
};

using AdmissionAnswer = std::expected<Admission, ApiError>;

/// The grant of the call's bearer token, else AUTHENTICATION.
[[nodiscard]] AdmissionAnswer admit_account(Call& call);
/// The same for the vehicle named by the capture `id`. Empty `permission`: any token of that vehicle.
[[nodiscard]] AdmissionAnswer admit_vehicle(Call& call, std::string_view permission);
/// Whether the grant covers the permission, else PERMISSION.
[[nodiscard]] bool covers(const Grant& grant, std::string_view permission);

[[nodiscard]] std::string bearer_of(const http::Request& request);
/// The management token of `Basic default:AMT` or `Bearer AMT`; empty when there is none.
[[nodiscard]] std::string management_token_of(const http::Request& request);
[[nodiscard]] http::Response refuse(const Call& call, const ApiError& error);

}  // namespace keyfob::sim
