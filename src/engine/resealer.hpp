#pragma once
// Resealer: moves the records of an application from older data keys to its primary one, a page at a time, and retires
// the keys that nothing names any more. What is done shows in the records themselves, so it may be stopped anywhere and
// begun anew. Engine executor only.

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "engine/directory.hpp"
#include "engine/sealer.hpp"
#include "ports/event_sink.hpp"
#include "ports/grant_store.hpp"
#include "ports/key_rotation.hpp"

namespace keyfob::engine {

struct ResealLimits {
  std::size_t page = 200;
  unsigned max_rate = 2000;  ///< records moved per second; 0: no limit
};

/// Why an older data key stays for now.
struct KeptDataKey {
  DataKeyId id;
  std::string why;
};

/// One pass over an application's grants.
struct ResealProgress {
  std::uint64_t seen = 0;     ///< grants looked at
  std::uint64_t moved = 0;    ///< to the primary data key
  std::uint64_t left = 0;     ///< being refreshed just now, or changed under our hands: the next pass
  std::uint64_t damaged = 0;  ///< do not open; left as they are
  bool pass_ended = false;
  std::vector<DataKeyId> retired{};
  std::vector<KeptDataKey> kept{};

  /// Nothing but the primary data key is left.
  [[nodiscard]] bool done() const { return pass_ended && kept.empty(); }
};

class Resealer : public std::enable_shared_from_this<Resealer> {
 public:
  struct Ports {
    GrantReader& reader;
    ResealStore* store;  ///< null: nothing is ever re-sealed
    Clock& clock;
    Metrics& metrics;
    Directory& directory;
    Sealer& sealer;
  };
  Resealer(Ports ports, ResealLimits limits) : ports_(ports), limits_(limits) {}

  /// One page of the pass under way, or of a new one, no faster than the rate allows; when the pass has ended, the
  /// rest: secrets, late pairs, retiring. unavailable: the store; what was moved stays moved. conflict: somebody is at
  /// it.
  Task<Result<ResealProgress>> advance(AppId app);
  /// Applications that have older data keys.
  [[nodiscard]] std::vector<AppId> unfinished() const;

  /// In the background, pass after pass, until no older data key is left; ends soon after stop().
  void launch(asio::any_io_executor executor);
  void stop() { stopping_ = true; }

 private:
  struct Pass {
    std::string cursor{};
    std::set<DataKeyId> candidates{};  ///< older, and held by no node when the pass began
    std::set<DataKeyId> named{};       ///< by a record that could not be moved
    ResealProgress progress{};
    bool busy = false;
  };
  class Busy;
  Task<void> loop();
  Task<void> one_pass(AppId app);

  Task<Result<void>> begin(AppId app, Pass& pass);
  Task<Result<void>> page(AppId app, Pass& pass);
  Task<Result<void>> end(AppId app, Pass& pass);
  Task<Result<void>> move_late_pairs(DataKeyRef key, bool& all);
  Task<Result<std::string>> why_kept(DataKeyRef key, const Pass& pass);
  [[nodiscard]] std::vector<ResealedGrant> resealed(const std::vector<GrantRecord>& grants, Pass& pass);
  void note_named(const GrantRecord& record, DataKeyId primary, Pass& pass);

  Ports ports_;
  ResealLimits limits_;
  std::map<AppId, Pass> passes_;
  std::map<AppId, BootTime> next_;  ///< when the background begins another pass
  bool stopping_ = false;
};

}  // namespace keyfob::engine
