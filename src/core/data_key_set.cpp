#include "core/data_key_set.hpp"

#include <algorithm>
#include <map>
#include <tuple>

namespace keyfob {
namespace {

auto what_matters(const WrappedDataKey& key) { return std::tie(key.app, key.id, key.master, key.wrapped, key.primary); }

}  // namespace

bool same_data_keys(std::vector<WrappedDataKey> a, std::vector<WrappedDataKey> b) {
  const auto before = [](const auto& x, const auto& y) { return what_matters(x) < what_matters(y); };
  std::ranges::sort(a, before);
  std::ranges::sort(b, before);
  return std::ranges::equal(a, b, [](const auto& x, const auto& y) { return what_matters(x) == what_matters(y); });
}

Result<void> check_one_primary_each(const std::vector<WrappedDataKey>& keys) {
  std::map<AppId, int> primaries;
  std::map<std::pair<AppId, DataKeyId>, int> seen;
  for (const WrappedDataKey& key : keys) {
    if (key.app.empty() || key.wrapped.empty()) {
      return fail(ErrorCode::invalid_argument, "a data key has an application and its wrapped bytes");
    }
    if (++seen[{key.app, key.id}] > 1) return fail(ErrorCode::invalid_argument, "a data key is named twice");
    primaries[key.app] += key.primary ? 1 : 0;
  }
  const auto one = [](const auto& entry) { return entry.second == 1; };
  if (std::ranges::all_of(primaries, one)) return {};
  return fail(ErrorCode::invalid_argument, "an application has exactly one primary data key");
}

}  // namespace keyfob
