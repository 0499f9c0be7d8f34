#pragma once
// What a certificate file says about itself.

#include <string>

#include "base/result.hpp"
#include "base/time.hpp"

namespace keyfob::http {

/// When the first certificate of a PEM file ends (RFC 5280 notAfter). not_found: no such file; invalid_argument: no
/// certificate in it.
[[nodiscard]] Result<WallTime> certificate_ends(const std::string& pem_file);

}  // namespace keyfob::http
