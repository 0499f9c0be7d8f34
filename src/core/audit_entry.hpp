#pragma once
// AuditEntry: who did what to whom, when, and how it ended; AuditRecord: the same as a link of one node's chain.
// Never a token, a secret, or text of a peer (docs/reference/audit.md lists the actions).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/time.hpp"

namespace keyfob {

struct AuditEntry {
  WallTime at{};          ///< of a count: the beginning of its minute
  std::string actor{};    ///< a caller's name; "local" (this machine's CLI), "owner" (a browser), "keyfob" (by itself)
  std::string action{};   ///< "token.disclosed", "grant.refreshed", "caller.added", ...
  std::string outcome{};  ///< "ok", or the code of the refusal
  AppId app{};
  GrantId grant{};
  UserId user{};
  std::string subject{};    ///< name of whatever else it was done to
  std::uint64_t count = 1;  ///< how many times, of aggregated ones; 0: one of those, for its particulars
  std::string request_id{};
};

/// One link. `mac` covers everything else and the link before.
struct AuditRecord {
  NodeId node;
  std::uint64_t sequence = 0;  ///< 1, 2, 3 ... within the node
  DataKeyId key;               ///< whose derived key made the mac
  AuditEntry entry;
  Bytes mac;
};

/// The end of one node's chain: whoever keeps it can tell later that nothing up to here was changed or cut off.
struct AuditHead {
  NodeId node;
  std::uint64_t sequence = 0;  ///< 0: an empty chain
  Bytes mac;
};

/// "NODE SEQUENCE MAC", the MAC in hex.
[[nodiscard]] std::string to_text(const AuditHead& head);
[[nodiscard]] std::optional<AuditHead> audit_head_from(std::string_view text);

/// What is wrong with a chain, and where.
struct AuditFault {
  NodeId node;
  std::uint64_t sequence = 0;
  std::string what;
};

struct AuditVerification {
  std::uint64_t records = 0;
  std::vector<AuditHead> heads{};    ///< where each chain ends, as far as it is sound
  std::vector<AuditFault> faults{};  ///< the first of each chain; empty: nothing was changed
};

}  // namespace keyfob
