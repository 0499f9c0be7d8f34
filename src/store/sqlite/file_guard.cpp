#include "store/sqlite/file_guard.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace keyfob::sqlite {
namespace {

std::unexpected<Error> system_failure(const std::string& what) {
  return fail(ErrorCode::unavailable, what + ": " + std::generic_category().message(errno));
}

}  // namespace

Result<void> create_private_file(const std::string& path) {
  struct stat log{};
  if (::stat((path + "-wal").c_str(), &log) == 0 && log.st_size > 0 && ::access(path.c_str(), F_OK) != 0) {
    return fail(ErrorCode::damaged, path + " is missing, but its write-ahead log " + path + "-wal is there",
                "put the database file back, or move the log away");
  }
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0 && errno == EEXIST) return fail(ErrorCode::conflict, path + " exists already");
  if (file < 0) return system_failure("cannot create " + path);
  ::close(file);
  return {};
}

Result<void> check_private_file(const std::string& path) {
  struct stat found{};
  if (::stat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) return fail(ErrorCode::not_found, "there is no store " + path, "make one with `keyfob init`");
    return system_failure("cannot look at " + path);
  }
  if (!S_ISREG(found.st_mode)) return fail(ErrorCode::invalid_argument, path + " is not a regular file");
  for (const auto& name : {path, path + "-wal", path + "-shm"}) {
    if (::stat(name.c_str(), &found) == 0 && (found.st_mode & 077) != 0) {
      return fail(ErrorCode::unsafe, name + " can be opened by other users", "chmod 600 " + name);
    }
  }
  return {};
}

Result<void> sync_folder_of(const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path();
  const int folder = ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return system_failure("cannot open the folder of " + path);
  const bool synced = ::fsync(folder) == 0;
  ::close(folder);
  if (!synced) return system_failure("cannot sync the folder of " + path);
  return {};
}

}  // namespace keyfob::sqlite
