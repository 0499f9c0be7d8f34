// Who may read and write what Keyfob keeps on this machine.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "apps/keyfob/doctor.hpp"
#include "apps/keyfob/node_state.hpp"
#include "apps/keyfob/open_ports.hpp"

namespace keyfob::cli {
namespace {

constexpr std::string_view kFile = "file:";
constexpr unsigned kAnyOther = 077;
constexpr unsigned kOthersWrite = 022;
constexpr unsigned kOthersRead = 044;

class Files {
 public:
  /// Finds `path` when one of these rights is given to somebody else. A missing file is somebody else's finding.
  void look(const std::filesystem::path& path, unsigned forbidden, std::string_view why) {
    struct stat about{};
    if (::stat(path.c_str(), &about) != 0) return;
    ++seen_;
    if ((about.st_mode & forbidden) == 0) return;
    const std::string mode = S_ISDIR(about.st_mode) ? "700" : "600";
    found_.push_back({"file_modes", Health::problem,
                      fmt::format("{} has mode {:04o}: others can {} it", path.string(), about.st_mode & 07777U,
                                  (about.st_mode & kOthersWrite) != 0 ? "write" : "read"),
                      std::string(why), fmt::format("chmod {} {}", mode, path.string())});
  }
  std::vector<Finding> take() {
    if (found_.empty())
      found_.push_back({"file_modes", Health::ok, fmt::format("{} files and folders are private", seen_)});
    return std::move(found_);
  }

 private:
  std::size_t seen_ = 0;
  std::vector<Finding> found_;
};

}  // namespace

std::vector<Finding> examine_files(const config::Config& config, const std::string& config_file) {
  Files files;
  const bool holds_password = config.store.url.find('@') != std::string::npos;
  files.look(config_file, holds_password ? kOthersWrite | kOthersRead : kOthersWrite,
             "who can write it decides where tokens are sent; a store's URL may hold a password");
  std::vector<std::string> keys = config.keys.also;
  keys.push_back(config.keys.master);
  for (const auto& reference : keys)
    if (reference.starts_with(kFile))
      files.look(reference.substr(kFile.size()), kAnyOther,
                 "with the master key and the store every token can be read");
  if (const std::string store = node::sqlite_path(config.store); !store.empty())
    for (const char* tail : {"", "-wal", "-shm"})
      files.look(store + tail, kAnyOther, "Keyfob refuses to open a store that others can open");
  const node::StatePaths state{config.node.state_dir};
  files.look(state.dir, kOthersWrite, "who can write it can take this node's place");
  files.look(state.spool(), kAnyOther, "pairs that wait for the store lie in it, sealed");
  files.look(state.admin_socket(), kAnyOther, "who can open the admin socket may do everything");
  return files.take();
}

}  // namespace keyfob::cli
