#pragma once
// Every size that Keyfob accepts from outside, in one place (bytes unless said otherwise). docs/reference lists them.

#include <cstddef>

namespace keyfob::limits {

inline constexpr std::size_t kUserId = 256;
inline constexpr std::size_t kProviderUserId = 128;
inline constexpr std::size_t kVehicleId = 128;
inline constexpr std::size_t kVehiclesPerGrant = 1000;  // count
inline constexpr std::size_t kScope = 4096;
inline constexpr std::size_t kToken = 8192;  // access or refresh token
inline constexpr std::size_t kName = 64;     // application, caller
inline constexpr std::size_t kUrl = 2048;
inline constexpr std::size_t kClientId = 256;
inline constexpr std::size_t kTokenAnswer = 64 * 1024;  // body of a token endpoint answer

}  // namespace keyfob::limits
