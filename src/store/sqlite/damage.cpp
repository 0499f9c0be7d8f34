#include "store/sqlite/damage.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <stop_token>

#include "store/sqlite/connection.hpp"

namespace keyfob::sqlite {
namespace {

constexpr int kLowestPriority = 19;
constexpr int kCacheKib = 256;

std::vector<std::string> search(const std::string& path, const std::stop_token& stop) {
  std::vector<std::string> found;
  ConnectionOptions options;
  options.read_only = true;
  options.cache_kib = kCacheKib;
  auto connection = Connection::open(path, options);
  if (!connection) return {connection.error().what};
  const std::stop_callback interrupt(stop, [&] { (*connection)->interrupt(); });
  {
    auto query = (*connection)->query("PRAGMA quick_check(5)");
    while (!stop.stop_requested() && query.step()) found.emplace_back(query.text());
  }
  const bool damaged = (*connection)->found_damage();
  const auto failure = (*connection)->take_failure();
  if (stop.stop_requested()) return {};
  if (damaged) found.push_back(failure->what);
  if (found.size() == 1 && found.front() == "ok") found.clear();
  return found;
}

}  // namespace

DamageSearch::DamageSearch(std::string path, Report report)
    : thread_([path = std::move(path), report = std::move(report)](const std::stop_token& stop) {
        (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kLowestPriority);
        auto found = search(path, stop);
        if (!found.empty()) report(std::move(found));
      }) {}

}  // namespace keyfob::sqlite
