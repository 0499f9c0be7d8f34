#pragma once
// The database file before SQLite sees it: it exists, is ours alone, and is never made anew over something that was.

#include <string>

#include "base/result.hpp"

namespace keyfob::sqlite {

/// Makes an empty file of mode 0600. conflict: it exists. damaged: a write-ahead log without its database lies there.
Result<void> create_private_file(const std::string& path);

/// not_found: no such file. unsafe: the file, its log or its index can be read or written by others (with the command
/// that mends it). invalid_argument: not a regular file.
Result<void> check_private_file(const std::string& path);

/// Makes the name of a new file durable.
Result<void> sync_folder_of(const std::string& path);

}  // namespace keyfob::sqlite
