#include "store/memory/outbox_table.hpp"

#include <algorithm>
#include <set>

namespace keyfob {

void OutboxTable::add(OutboxRow row) { rows_.emplace(next_++, Waiting{std::move(row), BootTime(), 0}); }

void OutboxTable::add(const std::vector<Notice>& notices, std::optional<GrantStatus> before) {
  for (const Notice& notice : notices) {
    if (notice.fits(before)) add(notice.row);
  }
}

bool OutboxTable::change(const Mark& mark, WallTime now) {
  std::erase_if(marks_, [now](const auto& entry) { return entry.second <= now; });
  const std::pair key{mark.app, mark.name};
  if (!mark.until) return marks_.erase(key) > 0;
  const auto [at, added] = marks_.try_emplace(key, *mark.until);
  at->second = std::max(at->second, *mark.until);
  return added;
}

bool OutboxTable::tell(std::vector<OutboxRow> rows, const std::optional<Mark>& mark, WallTime now) {
  if (mark && !change(*mark, now)) return false;
  for (OutboxRow& row : rows) add(std::move(row));
  return true;
}

std::vector<ClaimedRow> OutboxTable::claim(const std::string& destination, std::size_t limit, Hold hold) {
  std::vector<ClaimedRow> claimed;
  std::set<std::string> streams;
  for (auto& [position, waiting] : rows_) {
    if (claimed.size() >= limit) break;
    if (waiting.row.destination != destination || !streams.insert(waiting.row.stream).second) continue;
    if (waiting.due > hold.now) continue;
    waiting.due = hold.now + hold.length;
    claimed.push_back({position, waiting.row, ++waiting.attempts});
  }
  return claimed;
}

void OutboxTable::settle(const std::vector<Settled>& rows, BootTime now) {
  for (const Settled& settled : rows) {
    const auto it = rows_.find(settled.position);
    if (it == rows_.end()) continue;
    if (settled.retry_after) it->second.due = now + *settled.retry_after;
    if (!settled.retry_after) rows_.erase(it);
  }
}

std::vector<OutboxDepth> OutboxTable::depths() const {
  std::map<std::string, OutboxDepth> depths;
  for (const auto& [position, waiting] : rows_) {
    OutboxDepth& depth = depths[waiting.row.destination];
    depth.oldest = depth.rows == 0 ? waiting.row.at : std::min(depth.oldest, waiting.row.at);
    depth.attempts = std::max(depth.attempts, waiting.attempts);
    ++depth.rows;
  }
  std::vector<OutboxDepth> all;
  for (auto& [destination, depth] : depths) {
    depth.destination = destination;
    all.push_back(std::move(depth));
  }
  return all;
}

void OutboxTable::remove_application(const AppId& app) {
  std::erase_if(rows_, [&](const auto& entry) { return entry.second.row.destination == app.view(); });
  std::erase_if(marks_, [&](const auto& entry) { return entry.first.first == app; });
}

}  // namespace keyfob
