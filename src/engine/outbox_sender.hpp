#pragma once
// OutboxSender: delivers what is in the outbox, at least once, in order per stream, tried again with full jitter for
// two weeks (docs/reference/events.md). A destination that does not answer holds up no other, a row that is refused no
// other stream. Any number of nodes may do this over one store. Engine executor only.

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/backoff.hpp"
#include "engine/directory.hpp"
#include "engine/wakeup.hpp"
#include "ports/event_sink.hpp"
#include "ports/outbox.hpp"

namespace keyfob::engine {

/// A row never delivered is given up after this; what waits behind it goes on.
inline constexpr Milliseconds kGiveUpAfter = days(14);

class OutboxSender : public std::enable_shared_from_this<OutboxSender> {
 public:
  struct Ports {
    asio::any_io_executor executor;
    OutboxStore& store;
    HttpPost& post;
    Clock& clock;
    Random& random;
    EventSink& events;
    Metrics& metrics;
    const Directory& directory;
  };
  /// [events] of the configuration.
  struct Events {
    std::string url{};
    Secret secret{};
  };
  OutboxSender(Ports ports, Events events);

  void launch();
  void look_now();
  void stop();

 private:
  /// Where a destination is, with the key that signs for it.
  struct Target {
    std::string url;
    Secret key;
    bool webhook = false;
  };
  struct Batch {
    std::vector<Settled> settled{};
    std::size_t left = 0;
    bool answered = true;  ///< somebody is there, whatever he says
    std::string trouble{};
  };

  Task<void> run();
  Task<void> round();
  Task<void> serve(std::string destination);
  Task<bool> deliver(std::string destination, Target target, std::vector<ClaimedRow> rows);
  Task<void> deliver_one(std::shared_ptr<Batch> batch, Target target, ClaimedRow row);
  [[nodiscard]] std::optional<Target> target_of(const std::string& destination) const;
  [[nodiscard]] PostRequest request_for(const Target& target, const OutboxRow& row) const;
  [[nodiscard]] Settled judge(const ClaimedRow& row, const Result<int>& answer, std::string& trouble) const;
  void note(const std::string& destination, const Batch& batch);
  void publish(const std::vector<OutboxDepth>& depths);
  [[nodiscard]] std::uint32_t die() const;

  Ports ports_;
  Events events_;
  Wakeup wakeup_;
  Wakeup landed_;
  bool woken_ = false;
  bool stopping_ = false;
  std::set<std::string> serving_;
  std::map<std::string, unsigned> silent_;  ///< how often in a row nobody answered
  std::map<std::string, BootTime> rest_;    ///< not before
  std::set<std::string> stuck_;             ///< said so
};

}  // namespace keyfob::engine
