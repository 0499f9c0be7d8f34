#include "audit/verify.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace keyfob::audit {
namespace {

constexpr std::size_t kPage = 1000;

using Starts = std::map<NodeId, AuditHead>;

/// Where chains begin whose oldest records were pruned. The notes are records themselves, so a forged one is a fault
/// of the chain it stands in.
Task<Result<Starts>> find_starts(AuditStore& store) {
  Starts starts;
  AuditQuery query;
  query.action = kPrunedAction;
  query.limit = kPage;
  do {
    Result<AuditPage> page = co_await store.find_audit(query);
    if (!page) co_return fail(page.error());
    for (const AuditRecord& record : page->records) {
      auto start = audit_head_from(record.entry.subject);
      if (!start) continue;
      AuditHead& known = starts[start->node];
      if (start->sequence > known.sequence) known = std::move(*start);
    }
    query.cursor = page->next_cursor;
  } while (!query.cursor.empty());
  co_return starts;
}

/// One chain, and what somebody kept of it.
struct Walk {
  NodeId node;
  AuditHead start;
  std::vector<AuditHead> kept;

  std::optional<AuditFault> contradicts(const AuditRecord& record) const {
    for (const AuditHead& head : kept) {
      if (head.sequence != record.sequence || equal_constant_time(head.mac, record.mac)) continue;
      return AuditFault{node, record.sequence, "it is not the record whose head was kept elsewhere"};
    }
    return std::nullopt;
  }
  std::optional<AuditFault> falls_short(std::uint64_t reached) const {
    for (const AuditHead& head : kept) {
      if (head.sequence <= reached) continue;
      return AuditFault{node, reached + 1,
                        "the chain ends here, but a head kept elsewhere has record " + std::to_string(head.sequence)};
    }
    return std::nullopt;
  }
};

Task<Result<void>> walk(AuditStore& store, const ChainKeys& keys, const Walk& wanted, AuditVerification& found) {
  ChainReader reader(wanted.start);
  std::uint64_t after = 0;
  for (;;) {
    NodeId node = wanted.node;
    Result<std::vector<AuditRecord>> page = co_await store.chain(std::move(node), after, kPage);
    if (!page) co_return fail(page.error());
    for (const AuditRecord& record : *page) {
      after = record.sequence;
      if (record.sequence <= wanted.start.sequence) continue;  // noted as pruned, not removed yet
      auto fault = reader.next(record, keys(record.key).get());
      if (!fault) fault = wanted.contradicts(record);
      if (fault) {
        found.faults.push_back(std::move(*fault));
        co_return Result<void>();
      }
      ++found.records;
    }
    if (page->size() < kPage) break;
  }
  if (auto fault = wanted.falls_short(reader.head().sequence)) found.faults.push_back(std::move(*fault));
  found.heads.push_back(reader.head());
  co_return Result<void>();
}

}  // namespace

Task<Result<AuditVerification>> verify(AuditStore& store, ChainKeys keys, std::vector<AuditHead> kept) {
  Result<Starts> starts = co_await find_starts(store);
  if (!starts) co_return fail(starts.error());
  Result<std::vector<AuditHead>> heads = co_await store.heads();
  if (!heads) co_return fail(heads.error());
  std::map<NodeId, Walk> walks;
  for (const AuditHead& head : *heads) walks[head.node].node = head.node;
  for (AuditHead& head : kept) {
    Walk& chain = walks[head.node];
    chain.node = head.node;
    chain.kept.push_back(std::move(head));
  }
  AuditVerification found;
  for (auto& [node, chain] : walks) {
    const auto start = starts->find(node);
    chain.start = start == starts->end() ? AuditHead{node, 0, {}} : start->second;
    const Result<void> walked = co_await walk(store, keys, chain, found);
    if (!walked) co_return fail(walked.error());
  }
  co_return found;
}

}  // namespace keyfob::audit
