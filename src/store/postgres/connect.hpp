#pragma once
// What a connection is opened with: the URL's own parameters, and ours where it says nothing.

#include <string>

#include "base/result.hpp"
#include "store/postgres/session.hpp"

namespace keyfob::postgres {

/// Opens a connection and waits for it. Null never; ask PQstatus.
[[nodiscard]] Result<pg_conn*> connect(const Settings& settings);

/// invalid_argument: libpq cannot read it. Nothing of the URL is in the message, it may hold a password.
[[nodiscard]] Result<void> check_url(const std::string& url);

}  // namespace keyfob::postgres
