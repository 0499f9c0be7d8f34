#include "http/deadline_wheel.hpp"

#include <algorithm>
#include <bit>

namespace keyfob::http {
namespace {

std::int64_t tick_of(BootTime time) { return time.time_since_epoch() / DeadlineWheel::kTick; }

}  // namespace

void Deadline::unlink() {
  if (next_ == nullptr) return;
  previous_->next_ = next_;
  next_->previous_ = previous_;
  next_ = nullptr;
  previous_ = nullptr;
}

DeadlineWheel::Anchor::Anchor() {
  previous_ = this;
  next_ = this;
}

bool DeadlineWheel::empty(const Anchor& anchor) { return anchor.next_ == &anchor; }

DeadlineWheel::DeadlineWheel(BootTime now) : tick_(tick_of(now)) {}

void DeadlineWheel::set(Deadline& deadline, BootTime due) {
  // One tick later than the tick `due` lies in: never early.
  deadline.due_ = tick_of(due) + 1;
  if (deadline.next_ != nullptr && deadline.looked_at_ <= deadline.due_) return;
  deadline.unlink();
  link(deadline);
}

void DeadlineWheel::link(Deadline& deadline) {
  const auto farthest = tick_ + static_cast<std::int64_t>(kSlots) - 1;
  deadline.looked_at_ = std::clamp(deadline.due_, tick_ + 1, farthest);
  const std::size_t slot = static_cast<std::size_t>(deadline.looked_at_) % kSlots;
  occupied_[slot / 64] |= std::uint64_t{1} << (slot % 64);
  Anchor& anchor = slots_[slot];
  deadline.previous_ = anchor.previous_;
  deadline.next_ = &anchor;
  anchor.previous_->next_ = &deadline;
  anchor.previous_ = &deadline;
}

void DeadlineWheel::take_slot(std::size_t slot, Anchor& into) {
  occupied_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
  Anchor& from = slots_[slot];
  if (empty(from)) return;
  into.next_ = from.next_;
  into.previous_ = from.previous_;
  into.next_->previous_ = &into;
  into.previous_->next_ = &into;
  from.next_ = &from;
  from.previous_ = &from;
}

void DeadlineWheel::advance(BootTime now) {
  const std::int64_t target = tick_of(now);
  // After a long sleep every slot is due once; more rounds would find nothing.
  tick_ = std::max(tick_, target - static_cast<std::int64_t>(kSlots));
  while (tick_ < target) {
    ++tick_;
    Anchor passed;
    take_slot(static_cast<std::size_t>(tick_) % kSlots, passed);
    while (!empty(passed)) {
      Deadline& deadline = *passed.next_;
      deadline.unlink();
      if (deadline.due_ <= target) {
        deadline.on_deadline();
      } else {
        link(deadline);
      }
    }
  }
}

Milliseconds DeadlineWheel::until_next(BootTime now) const {
  const std::int64_t last = tick_ + static_cast<std::int64_t>(kSlots);
  for (std::int64_t tick = tick_ + 1; tick < last;) {
    const std::size_t slot = static_cast<std::size_t>(tick) % kSlots;
    const std::uint64_t rest = occupied_[slot / 64] >> (slot % 64);
    if (rest != 0) {
      const std::int64_t found = std::min(tick + std::countr_zero(rest), last - 1);
      return std::max(Milliseconds(0), found * kTick - now.time_since_epoch());
    }
    tick += static_cast<std::int64_t>(64 - slot % 64);
  }
  return Milliseconds(-1);
}

}  // namespace keyfob::http
