#pragma once
// OutboxTable: the outbox of a MemoryStore, with the semantics of ports/outbox.hpp. One thread at a time.

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/outbox.hpp"

namespace keyfob {

class OutboxTable {
 public:
  /// Those that fit a change of a grant whose status was `before`; empty: there was none.
  void add(const std::vector<Notice>& notices, std::optional<GrantStatus> before);
  bool tell(std::vector<OutboxRow> rows, const std::optional<Mark>& mark, WallTime now);
  struct Hold {
    BootTime now;
    Milliseconds length;
  };
  std::vector<ClaimedRow> claim(const std::string& destination, std::size_t limit, Hold hold);
  void settle(const std::vector<Settled>& rows, BootTime now);
  [[nodiscard]] std::vector<OutboxDepth> depths() const;
  void remove_application(const AppId& app);

 private:
  struct Waiting {
    OutboxRow row;
    BootTime due{};
    std::uint32_t attempts = 0;
  };
  bool change(const Mark& mark, WallTime now);
  void add(OutboxRow row);

  std::map<std::uint64_t, Waiting> rows_;
  std::map<std::pair<AppId, std::string>, WallTime> marks_;
  std::uint64_t next_ = 1;
};

}  // namespace keyfob
