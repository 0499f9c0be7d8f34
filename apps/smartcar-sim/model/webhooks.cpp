#include "model/webhooks.hpp"

#include <algorithm>
#include <utility>

namespace keyfob::sim {
namespace {

constexpr std::size_t kRemembered = 10'000;

}  // namespace

std::string_view to_string(Webhook::State state) {
  switch (state) {
    case Webhook::State::unverified: return "unverified";
    case Webhook::State::verified: return "verified";
    case Webhook::State::refused: return "refused";
  }
  return "?";
}

std::string_view to_string(Delivery::State state) {
  switch (state) {
    case Delivery::State::waiting: return "waiting";
    case Delivery::State::in_flight: return "in_flight";
    case Delivery::State::delivered: return "delivered";
    case Delivery::State::dropped: return "dropped";
  }
  return "?";
}

Webhook& Webhooks::add(Webhook webhook) {
  if (webhook.id.empty()) webhook.id = uuids_.next();
  webhook.challenge = uuids_.next();
  return webhooks_.emplace_back(std::move(webhook));
}

Webhook* Webhooks::find(std::string_view id) {
  const auto found = std::ranges::find(webhooks_, id, &Webhook::id);
  return found == webhooks_.end() ? nullptr : &*found;
}

bool Webhooks::remove(std::string_view id) {
  unsubscribe([id](const Subscription& s) { return s.webhook == id; });
  std::erase_if(deliveries_,
                [id](const Delivery& d) { return d.webhook == id && d.state == Delivery::State::waiting; });
  return std::erase_if(webhooks_, [id](const Webhook& w) { return w.id == id; }) != 0;
}

Subscription* Webhooks::subscribe(std::string_view webhook, std::string_view user, std::string_view vehicle,
                                  WallTime now) {
  const auto same = [&](const Subscription& s) {
    return s.webhook == webhook && s.user == user && s.vehicle == vehicle;
  };
  if (std::ranges::any_of(subscriptions_, same)) return nullptr;
  return &subscriptions_.emplace_back(Subscription{.id = uuids_.next(),
                                                   .webhook = std::string(webhook),
                                                   .user = std::string(user),
                                                   .vehicle = std::string(vehicle),
                                                   .created = now});
}

std::size_t Webhooks::unsubscribe(const std::function<bool(const Subscription&)>& which) {
  return std::erase_if(subscriptions_, which);
}

bool Webhooks::collects(std::string_view user, std::string_view vehicle) {
  return std::ranges::any_of(subscriptions_, [&](const Subscription& s) {
    if (s.user != user || s.vehicle != vehicle) return false;
    const Webhook* webhook = find(s.webhook);
    return webhook != nullptr && webhook->state == Webhook::State::verified;
  });
}

Delivery& Webhooks::enqueue(std::string_view webhook, std::string event_type, std::string content, WallTime now) {
  if (deliveries_.size() >= kRemembered) deliveries_.pop_front();
  return deliveries_.emplace_back(Delivery{.number = ++last_number_,
                                           .webhook = std::string(webhook),
                                           .event_id = uuids_.next(),
                                           .event_type = std::move(event_type),
                                           .content = std::move(content),
                                           .due = now});
}

std::vector<Delivery> Webhooks::take_due(WallTime now) {
  std::vector<Delivery> due;
  for (Delivery& delivery : deliveries_) {
    if (delivery.state != Delivery::State::waiting || delivery.due > now) continue;
    delivery.state = Delivery::State::in_flight;
    delivery.delivery_id = uuids_.next();
    ++delivery.attempts;
    due.push_back(delivery);
  }
  return due;
}

void Webhooks::settle(std::uint64_t number, const Attempt& attempt, WallTime now) {
  const auto found = std::ranges::find(deliveries_, number, &Delivery::number);
  if (found == deliveries_.end()) return;
  found->status = attempt.status;
  found->problem = attempt.problem;
  const bool once = found->event_type == "VERIFY";
  if (attempt.delivered) {
    found->state = Delivery::State::delivered;
  } else if (once || found->attempts > kDeliveryPauses.size()) {
    found->state = Delivery::State::dropped;
  } else {
    found->state = Delivery::State::waiting;
    found->due = now + kDeliveryPauses.at(found->attempts - 1);
  }
}

std::optional<WallTime> Webhooks::next_due() const {
  std::optional<WallTime> next;
  for (const Delivery& delivery : deliveries_) {
    if (delivery.state == Delivery::State::waiting && (!next || delivery.due < *next)) next = delivery.due;
  }
  return next;
}

}  // namespace keyfob::sim
