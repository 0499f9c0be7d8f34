#pragma once
// Announcer: makes what the backend has to be told, once per change: notices that go into a change's own transaction,
// and, by marks that all nodes share, what no grant's row says (an application is suspended, many are refused, a grant
// is about to end). Engine executor only.

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/directory.hpp"
#include "ports/outbox.hpp"

namespace keyfob::engine {

class Announcer : public std::enable_shared_from_this<Announcer> {
 public:
  struct Ports {
    asio::any_io_executor executor;
    OutboxStore* store = nullptr;  ///< null: nobody is told anything, and nothing is written
    Clock& clock;
    Random& random;
    const Directory& directory;
  };
  explicit Announcer(Ports ports) : ports_(std::move(ports)) {}

  /// Called after something was told.
  void on_news(std::function<void()> wake) { wake_ = std::move(wake); }
  void news() const {
    if (wake_) wake_();
  }

  /// What to put into a change: `after` is the grant as the change leaves it. Empty when nobody is told.
  [[nodiscard]] std::vector<Notice> notice(std::string name, const Grant& after, std::vector<GrantStatus> from,
                                           std::string reason = {}) const;

  /// The provider refused the application's own credentials, or accepted them. Cheap when nothing changes.
  void suspended(const AppId& app) { want(app, true); }
  void accepted(const AppId& app) { want(app, false); }
  /// Too many refusals at once: told once per burst, which ends when none came for 10 minutes.
  void refusals(const AppId& app);
  /// The background had its chance and this pair still was not renewed: told once per pair.
  void expiring(const Grant& grant);

 private:
  struct Standing {
    std::optional<bool> told{};  ///< what the store knows; empty: not looked yet
    bool wanted = false;
    bool busy = false;
  };
  void want(const AppId& app, bool suspended);
  Task<void> settle(AppId app);
  void tell_later(OutboxRow row, Mark mark);
  [[nodiscard]] std::string id() const;
  [[nodiscard]] OutboxRow about(const AppId& app, std::string name, std::string reason) const;
  [[nodiscard]] std::string name_of(const AppId& app) const;

  Ports ports_;
  std::function<void()> wake_;
  std::unordered_map<AppId, Standing> standing_;
  std::unordered_map<AppId, BootTime> refusals_at_;
  std::unordered_map<std::string, BootTime> expiring_at_;
};

}  // namespace keyfob::engine
