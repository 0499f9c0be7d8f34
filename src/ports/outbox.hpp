#pragma once
// OutboxStore: messages on their way out. Same rules as grant_store.hpp. Rows that come with a change of a grant are
// written by that change (Notice); this port has the others, and their delivery. HttpPost: how they leave.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "core/outbox.hpp"
#include "ports/async.hpp"

namespace keyfob {

class OutboxStore {
 public:
  virtual ~OutboxStore() = default;
  /// With a mark, the rows are written only if it changes: one to set was not there (or its time was over), one to take
  /// away was. A mark that is set already gets the later `until`. Answers whether the rows were written. One
  /// transaction.
  virtual Task<Result<bool>> tell(std::vector<OutboxRow> rows, std::optional<Mark> mark, WallTime now) = 0;
  /// The first rows of their streams that are due, oldest first. Nobody else gets them for `hold`, by the store's
  /// clock.
  virtual Task<Result<std::vector<ClaimedRow>>> claim_outbox(std::string destination, std::size_t limit,
                                                             Milliseconds hold) = 0;
  /// Removes rows, or makes them due again later. Rows that are gone are passed over.
  virtual Task<Result<void>> settle_outbox(std::vector<Settled> rows) = 0;
  /// Destinations for which something waits.
  virtual Task<Result<std::vector<OutboxDepth>>> outbox_depths() = 0;
};

struct PostRequest {
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers{};
  std::string body{};
};

class HttpPost {
 public:
  virtual ~HttpPost() = default;
  /// The answer's status. timeout, unavailable: none came within `limit`.
  virtual Task<Result<int>> post(PostRequest request, Milliseconds limit) = 0;
};

}  // namespace keyfob
