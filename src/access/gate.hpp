#pragma once
// Gate: the Gatekeeper: an AccessTable that can be exchanged while requests are being admitted.

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "access/access_table.hpp"
#include "access/failure_budget.hpp"
#include "ports/clock.hpp"
#include "ports/gatekeeper.hpp"

namespace keyfob::access {

/// Any thread. The clock must outlive it. Reads the header as CallerCredential does; a user that it names becomes the
/// only one that the admission may see, and a user that the caller may not see is as good as a wrong key. An
/// Authorization header decides alone: a wrong key is not saved by the uid of a socket or by a certificate. Without
/// one, a uid or else the SAN of a verified client certificate names the caller. throttled: too many failures came from
/// this address lately (FailureBudget); then even a right key is not looked at, so that it cannot be told from a wrong
/// one.
class Gate final : public Gatekeeper {
 public:
  /// `admin_uids`: who is an admin by the uid of a Unix socket's peer. Give it the daemon's own uid and 0, nobody else.
  /// `unix_callers`: which caller, by name, a further uid is.
  Gate(const Clock& clock, std::vector<std::uint32_t> admin_uids,
       std::unordered_map<std::uint32_t, std::string> unix_callers = {});

  /// From now on `table` decides; admissions given before are void as soon as their holders look at revision().
  void update(AccessTable table);

  [[nodiscard]] std::uint64_t revision() const noexcept override;
  [[nodiscard]] std::expected<std::shared_ptr<const Admission>, AccessProblem> admit(const Evidence& evidence) override;

 private:
  [[nodiscard]] bool is_admin_uid(std::uint32_t uid) const;
  [[nodiscard]] std::shared_ptr<const Admission> by_key(std::string_view authorization) const;
  [[nodiscard]] std::shared_ptr<const Admission> by_connection(const Evidence& evidence) const;

  const Clock& clock_;
  const std::vector<std::uint32_t> admin_uids_;
  const std::unordered_map<std::uint32_t, std::string> unix_callers_;
  const std::shared_ptr<const Admission> local_admin_;
  FailureBudget failures_;
  std::atomic<std::shared_ptr<const AccessTable>> table_;
  std::atomic<std::uint64_t> revision_ = 1;
};

}  // namespace keyfob::access
