#include "apps/keyfob/init_directory.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "apps/keyfob/durable_file.hpp"
#include "apps/keyfob/event_thread.hpp"
#include "apps/keyfob/open_ports.hpp"
#include "config/parse.hpp"
#include "keys/key_file.hpp"

namespace keyfob::node {
namespace {

namespace fs = std::filesystem;

/// What was made so far; removed again unless it is kept.
class Undo {
 public:
  Undo() = default;
  ~Undo() {
    std::error_code ignored;
    for (auto it = made_.rbegin(); it != made_.rend(); ++it) fs::remove(*it, ignored);
  }
  Undo(const Undo&) = delete;
  Undo& operator=(const Undo&) = delete;
  void made(fs::path path) { made_.push_back(std::move(path)); }
  void keep() { made_.clear(); }

 private:
  std::vector<fs::path> made_;
};

Result<void> take_directory(const fs::path& dir, Undo& undo) {
  if (::mkdir(dir.c_str(), 0700) == 0) {
    undo.made(dir);
    return {};
  }
  if (errno != EEXIST)
    return fail(errno == EACCES ? ErrorCode::forbidden : ErrorCode::unavailable,
                fmt::format("cannot make {}: {}", dir.string(), std::strerror(errno)),
                "name a directory whose parent exists and may be written");
  std::error_code failure;
  const bool empty = fs::is_directory(dir, failure) && fs::is_empty(dir, failure);
  if (failure)
    return fail(ErrorCode::forbidden, fmt::format("cannot look into {}: {}", dir.string(), failure.message()));
  if (empty) return {};
  return fail(ErrorCode::conflict, fmt::format("{} is not an empty directory", dir.string()),
              "nothing was changed; name an empty or a new directory with --dir");
}

/// As the user will know it again: relative to where they are when `dir` was.
fs::path as_typed(const fs::path& path, const fs::path& dir) {
  const auto inside = path.lexically_relative(fs::absolute(dir).lexically_normal());
  return inside.empty() || *inside.begin() == ".." ? path : (dir / inside).lexically_normal();
}

/// The path of a "file:" reference; empty for other kinds.
fs::path key_file_of(const config::KeysConfig& keys) {
  constexpr std::string_view kFile = "file:";
  return keys.master.starts_with(kFile) ? fs::path(keys.master.substr(kFile.size())) : fs::path();
}

class Initializer {
 public:
  explicit Initializer(const InitRequest& request) : request_(request) {}
  Result<InitReport> run();

 private:
  Result<void> plan();
  Result<void> make_store();
  Result<void> make_key();
  Result<void> check_key_fits();
  Result<void> write_config();

  const InitRequest& request_;
  std::string text_;
  config::Config config_;
  InitReport report_;
  Undo undo_;
  EventThread thread_;  // declared before the store: its answers arrive there
  std::unique_ptr<Store> store_;
};

Result<void> Initializer::plan() {
  config::FirstConfig first;
  first.store = request_.store;
  first.master_key = request_.master_key;
  text_ = config::write_default_config(first);
  report_.config = (request_.dir / "keyfob.toml").lexically_normal();
  auto config = config::parse_config(text_, "keyfob.toml", fs::absolute(request_.dir).lexically_normal());
  if (!config) return fail(config.error());
  config_ = std::move(*config);
  return {};
}

Result<void> Initializer::make_store() {
  const fs::path path = sqlite_path(config_.store);
  const bool is_new = !path.empty() && !fs::exists(path);
  auto store = open_store(config_.store, true);
  if (is_new && fs::exists(path)) {
    // SQLite removes its companions itself, unless something went wrong.
    undo_.made(path);
    undo_.made(path.string() + "-wal");
    undo_.made(path.string() + "-shm");
    report_.files.push_back(as_typed(path, request_.dir));
  }
  if (!store) return fail(store.error());
  store_ = std::move(*store);
  return {};
}

Result<void> Initializer::make_key() {
  const fs::path path = key_file_of(config_.keys);
  if (path.empty() || fs::exists(path)) return {};
  auto keys = thread_.wait_for(store_->data_keys());
  if (!keys) return fail(keys.error());
  if (!keys->empty())
    return fail(ErrorCode::conflict, "the store holds data that a new master key could not open",
                "name the master key that this store was made with: --master-key REF");
  if (auto made = keys::create_key_file(path.string()); !made) return made;
  undo_.made(path);
  report_.files.push_back(as_typed(path, request_.dir));
  return {};
}

Result<void> Initializer::check_key_fits() {
  auto master = open_master_key(config_.keys.master);
  if (!master) return fail(master.error());
  auto keys = thread_.wait_for(store_->data_keys());
  if (!keys) return fail(keys.error());
  for (const auto& key : *keys)
    if (key.master != (*master)->fingerprint())
      return fail(ErrorCode::conflict, "the store holds data of another master key",
                  "name the master key that this store was made with: --master-key REF");
  return {};
}

Result<void> Initializer::write_config() {
  if (auto written = create_file(report_.config, text_, 0600); !written) return written;
  undo_.made(report_.config);
  report_.files.insert(report_.files.begin(), report_.config);
  return {};
}

Result<InitReport> Initializer::run() {
  if (auto taken = take_directory(request_.dir, undo_); !taken) return fail(taken.error());
  for (const auto step : {&Initializer::plan, &Initializer::make_store, &Initializer::make_key,
                          &Initializer::check_key_fits, &Initializer::write_config}) {
    auto done = (this->*step)();
    if (done) continue;
    store_.reset();
    return fail(done.error());
  }
  undo_.keep();
  return report_;
}

}  // namespace

Result<InitReport> init_directory(const InitRequest& request) { return Initializer(request).run(); }

}  // namespace keyfob::node
