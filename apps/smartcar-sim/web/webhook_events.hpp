#pragma once
// What webhooks are told: the bodies of deliveries, in the forms of 2.0, 3.0 and 4.0, and what has to be told at all.

#include <string>

#include "web/json.hpp"
#include "web/sim.hpp"

namespace keyfob::sim {

/// Queues what has changed since it was last told: signals and errors of subscribed vehicles, the first delivery of new
/// subscriptions. Cheap when there are no webhooks.
void tell_changes(World& world, WallTime now);
/// Queues the VERIFY of a webhook.
void ask_to_verify(World& world, Webhook& webhook, WallTime now);
/// Queues an error event as it is said, whatever the vehicle's state is (false alarms happen).
void tell_error(World& world, const Subscription& subscription, const ApiError& error, bool resolved, WallTime now);
/// 2.0 only: the readings of a vehicle, as a schedule would deliver them.
void tell_schedule(World& world, const Subscription& subscription, WallTime now);

/// The body of one attempt: the content of the event with the ids and the time of the attempt.
[[nodiscard]] std::string body_of(const Delivery& delivery, const Webhook& webhook, WallTime now);
/// The answer to a VERIFY that proves the management token.
[[nodiscard]] bool proves_key(const Webhook& webhook, std::string_view answer);

}  // namespace keyfob::sim
