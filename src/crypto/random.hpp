#pragma once
// random_bytes: the operating system's entropy through OpenSSL's generator.

#include <cstdint>
#include <span>

namespace keyfob::crypto {

/// Cryptographically strong. Any thread. Ends the process when there is no entropy: nothing may be sealed without it.
void random_bytes(std::span<std::uint8_t> out);

}  // namespace keyfob::crypto
