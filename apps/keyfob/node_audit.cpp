#include "apps/keyfob/node_audit.hpp"

#include <fstream>
#include <string>

#include "vault/keyring.hpp"

namespace keyfob::node {
namespace {

std::optional<AuditHead> read_head(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::string line;
  if (!std::getline(in, line)) return std::nullopt;
  return audit_head_from(line);
}

/// Outlives a crash of the process, which is what it is for; that a power failure may leave an older head is harmless.
void write_head(const std::filesystem::path& file, const AuditHead& head) {
  const std::filesystem::path fresh = file.string() + ".new";
  std::ofstream(fresh, std::ios::trunc) << to_text(head) << '\n';
  std::error_code ignored;
  std::filesystem::rename(fresh, file, ignored);
}

Result<audit::ChainKey> chain_key(const vault::DataKey& key) {
  return audit::derive_chain_key(key.id(), key.association());
}

/// Without its file the trail counts in memory alone.
AuditEntry counts_do_not_survive(WallTime now) {
  AuditEntry entry;
  entry.at = now;
  entry.actor = "keyfob";
  entry.action = "audit.lost";
  entry.outcome = "counts_file_unusable";
  return entry;
}

audit::ChainKeys keys_of(engine::Directory& directory) {
  return [&directory](DataKeyId id) -> std::shared_ptr<const crypto::MacKey> {
    const vault::DataKey* const key = directory.snapshot()->keyring->find(AppId(kInstallation), id);
    if (key == nullptr) return nullptr;
    auto derived = chain_key(*key);
    return derived ? std::make_shared<const crypto::MacKey>(std::move(derived->key)) : nullptr;
  };
}

}  // namespace

Task<Result<void>> NodeAudit::start(asio::any_io_executor executor, engine::Directory& directory) {
  if (trail_ != nullptr) co_return Result<void>();
  const Result<void> ensured = co_await directory.ensure_installation_key();
  if (!ensured) co_return fail(ensured.error());
  const auto snapshot = directory.snapshot();
  auto key = chain_key(*snapshot->keyring->primary(AppId(kInstallation)));
  if (!key) co_return fail(key.error());
  const std::filesystem::path file = state_.paths().audit_head();
  audit::TrailOptions options;
  options.proceed_on_outage = options_.proceed_on_outage;
  options.retention = options_.retention;
  options.metrics = options_.metrics;
  options.on_durable = [file](const AuditHead& head) { write_head(file, head); };
  auto counts = audit::CountsFile::open(state_.paths().audit_counts());
  if (counts) options.counts = std::move(*counts);
  auto trail = std::make_unique<audit::Trail>(std::move(executor), store_, clock_, std::move(*key),
                                              state_.identity().id, std::move(options));
  std::optional<AuditHead> kept = read_head(file);
  const Result<void> started = co_await trail->start(std::move(kept));
  if (!started) co_return fail(started.error());
  trail_ = std::move(trail);
  if (!counts) trail_->record(counts_do_not_survive(clock_.wall()));
  inspector_ = std::make_unique<audit::Inspector>(store_, keys_of(directory));
  co_return Result<void>();
}

Task<void> NodeAudit::stop(Milliseconds patience) {
  if (trail_ == nullptr) co_return;
  const Result<void> stopped = co_await trail_->stop(patience);
  static_cast<void>(stopped);
}

}  // namespace keyfob::node
