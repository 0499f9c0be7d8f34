#pragma once
// Webhooks as the vendor keeps them: who is told (webhooks), about what (subscriptions), and the queue of deliveries
// with its schedule. Pure: `now` is an argument, nothing is sent here. Not thread-safe.

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "model/uuids.hpp"

namespace keyfob::sim {

/// A callback that an application registered. It gets events once it has answered its VERIFY.
struct Webhook {
  enum class State : std::uint8_t { unverified, verified, refused };
  std::string id{};
  std::string client{};  ///< whose; empty while every client is accepted
  std::string name = "webhook";
  std::string url{};
  std::string key{};                   ///< the management token: signs bodies and challenges
  std::string version = "4.0";         ///< "2.0", "3.0" or "4.0": the form of its bodies
  std::vector<std::string> signals{};  ///< codes that it is about; empty: all
  bool subscribes_all = false;         ///< every connection of the client, without being asked
  bool signs_verify = false;           ///< in the field VERIFY comes unsigned
  State state = State::unverified;
  std::string problem{};  ///< why VERIFY was refused
  std::string challenge{};
};
[[nodiscard]] std::string_view to_string(Webhook::State state);

struct Subscription {
  std::string id;
  std::string webhook;
  std::string user;
  std::string vehicle;
  WallTime created;
  bool told = false;                               ///< the first delivery has been queued
  std::map<std::string, std::string> told_last{};  ///< signal -> value, as last told
  std::string error_told{};                        ///< "TYPE.CODE" as last told; empty: no error
};

/// One event on its way to one webhook: at least once, unordered, the same event id in every attempt.
struct Delivery {
  enum class State : std::uint8_t { waiting, in_flight, delivered, dropped };
  std::uint64_t number = 0;
  std::string webhook{};
  std::string event_id{};
  std::string delivery_id{};  ///< of the last attempt
  std::string event_type{};
  std::string content{};  ///< the body as JSON, without what belongs to one attempt; opaque here
  bool forged = false;    ///< to be sent with a signature that does not fit
  State state = State::waiting;
  std::size_t attempts = 0;
  WallTime due{};
  int status = 0;         ///< of the last answer; 0: none came
  std::string problem{};  ///< why the last attempt failed
};
[[nodiscard]] std::string_view to_string(Delivery::State state);

/// After a failed attempt, so long until the next; after the last one the event is dropped.
inline constexpr std::array<seconds, 3> kDeliveryPauses{seconds(25), seconds(50), seconds(100)};

/// How one attempt ended.
struct Attempt {
  int status = 0;  ///< 0: no answer
  std::string problem{};
  bool delivered = false;
};

class Webhooks {
 public:
  explicit Webhooks(std::uint64_t seed) : uuids_(seed) {}

  Webhook& add(Webhook webhook);
  [[nodiscard]] Webhook* find(std::string_view id);
  /// With its subscriptions and what is waiting for it.
  bool remove(std::string_view id);
  [[nodiscard]] const std::deque<Webhook>& all() const { return webhooks_; }
  [[nodiscard]] std::deque<Webhook>& all() { return webhooks_; }

  /// Null when it exists already.
  Subscription* subscribe(std::string_view webhook, std::string_view user, std::string_view vehicle, WallTime now);
  std::size_t unsubscribe(const std::function<bool(const Subscription&)>& which);
  [[nodiscard]] std::deque<Subscription>& subscriptions() { return subscriptions_; }
  /// Whether the provider collects data of this connection: some verified webhook is about it.
  [[nodiscard]] bool collects(std::string_view user, std::string_view vehicle);

  /// A new event for a webhook, due now.
  Delivery& enqueue(std::string_view webhook, std::string event_type, std::string content, WallTime now);
  /// Marks what is due as in flight, with a new delivery id each.
  [[nodiscard]] std::vector<Delivery> take_due(WallTime now);
  /// How the attempt of a delivery in flight ended; plans the next one. VERIFY is tried once.
  void settle(std::uint64_t number, const Attempt& attempt, WallTime now);
  [[nodiscard]] std::optional<WallTime> next_due() const;
  [[nodiscard]] const std::deque<Delivery>& deliveries() const { return deliveries_; }

 private:
  Uuids uuids_;
  std::uint64_t last_number_ = 0;
  std::deque<Webhook> webhooks_;
  std::deque<Subscription> subscriptions_;
  std::deque<Delivery> deliveries_;  // the last kRemembered of them
};

}  // namespace keyfob::sim
