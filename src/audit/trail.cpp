#include "audit/trail.hpp"

#include <algorithm>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <exception>
#include <mutex>
#include <set>
#include <utility>

#include "audit/entries.hpp"

namespace keyfob::audit {
namespace {

constexpr std::size_t kBatch = 512;
constexpr std::size_t kSweep = 2048;  ///< counts that are taken out at once
constexpr Milliseconds kTick = seconds(1);
constexpr Milliseconds kRetry = Milliseconds(500);
constexpr Milliseconds kPatience = seconds(2);  ///< of those who wait for a batch

/// That a caller was given a token in this minute is on record.
TallyKey disclosed_to(std::string_view actor) { return {TallyKind::disclosed, actor, {}, {}}; }

}  // namespace

/// Shared with the coroutines under way, so that the Trail may go while the last append is still out.
struct Trail::State {
  struct Queued {
    AuditEntry entry;
    std::size_t journalled = 0;  ///< counts of the tally's journal that are done with it
  };
  /// Entries, or counts. Counts come by the hundred thousand at the end of a minute, and nobody who was just given a
  /// token waits for them: they fill what entries leave of a batch.
  struct Line {
    std::deque<Queued> queue{};
    std::uint64_t recorded = 0;  // tickets given out
    std::uint64_t durable = 0;   // tickets written
    std::size_t take(std::size_t most, std::vector<Queued>& batch);
    [[nodiscard]] bool written() const { return durable >= recorded; }
  };
  struct Batch {
    std::vector<Queued> lines{};
    std::size_t entries = 0;
    std::size_t counts = 0;
  };
  struct Waiter {
    std::uint64_t entry = 0;
    std::uint64_t count = 0;
    std::function<void(Result<void>)> finish;
  };

  State(asio::any_io_executor the_executor, AuditStore& the_store, Clock& the_clock, ChainKey key, NodeId node,
        TrailOptions the_options)
      : executor(std::move(the_executor)),
        store(the_store),
        clock(the_clock),
        tally(std::move(the_options.counts)),
        chain({std::move(node), 0, {}}, std::move(key)),
        options(std::move(the_options)) {}

  asio::any_io_executor executor;
  AuditStore& store;
  Clock& clock;
  Tally tally;

  // The executor's alone.
  ChainWriter chain;
  TrailOptions options;
  bool ticking = false;
  WallTime pruned_at{};
  std::optional<BootTime> appending{};  // since when a batch is on its way
  std::size_t left_over = 0;            // counts of the process before this one that are not in the store yet

  std::mutex mutex{};  // guards what is below
  Line entries{};
  Line counts{};
  std::uint64_t lost = 0;
  bool started = false;
  bool pumping = false;
  bool failing = false;
  std::vector<Waiter> waiters{};

  void push(AuditEntry entry) { push(entries, {std::move(entry)}); }
  void push(Line& line, Queued queued);
  [[nodiscard]] Batch take_batch();
  [[nodiscard]] bool idle();
  [[nodiscard]] bool all_written();
  void written(const Batch& batch);
  void release(std::size_t journalled);
  void failed(const Error& error);
  /// For the entries so far, or the counts, too.
  void wait(bool for_counts, std::function<void(Result<void>)> finish);
  void tell(std::size_t written);
  [[nodiscard]] bool queue_counts(bool all, Tally::Sweep& sweep);
  void queue_all_counts();
  Task<Result<void>> append(std::vector<AuditRecord> records);
  Task<Result<void>> recover();
  Task<Result<std::multiset<Bytes>>> written_after(std::uint64_t sequence);
};

void Trail::State::push(Line& line, Queued queued) {
  const std::scoped_lock lock(mutex);
  if (&line == &entries && entries.queue.size() >= options.most_queued) {  // of counts the tally had them all
    lost += queued.entry.count;
    return;
  }
  line.queue.push_back(std::move(queued));
  ++line.recorded;
}

std::size_t Trail::State::Line::take(std::size_t most, std::vector<Queued>& batch) {
  const std::size_t size = std::min(most, queue.size());
  std::move(queue.begin(), queue.begin() + static_cast<std::ptrdiff_t>(size), std::back_inserter(batch));
  queue.erase(queue.begin(), queue.begin() + static_cast<std::ptrdiff_t>(size));
  return size;
}

Trail::State::Batch Trail::State::take_batch() {
  const std::scoped_lock lock(mutex);
  Batch batch;
  batch.entries = entries.take(kBatch, batch.lines);
  batch.counts = counts.take(kBatch - batch.entries, batch.lines);
  if (lost != 0 && entries.queue.empty() && counts.queue.empty()) {
    AuditEntry gap = entry_about_the_trail(clock.wall(), "audit.lost", "queue_full");
    gap.count = std::exchange(lost, 0);
    if (options.metrics != nullptr) options.metrics->count("audit_lost", {}, static_cast<double>(gap.count));
    batch.lines.push_back({std::move(gap)});
    ++batch.entries;
    ++entries.recorded;
  }
  if (batch.lines.empty()) pumping = false;
  return batch;
}

/// True: nobody pumps and there is something to do; from now on the caller pumps.
bool Trail::State::idle() {
  const std::scoped_lock lock(mutex);
  const bool something = !entries.queue.empty() || !counts.queue.empty();
  return started && something && !std::exchange(pumping, true);
}

bool Trail::State::all_written() {
  const std::scoped_lock lock(mutex);
  return entries.written() && counts.written();
}

void Trail::State::written(const Batch& batch) {
  std::vector<Waiter> done;
  {
    const std::scoped_lock lock(mutex);
    entries.durable += batch.entries;
    counts.durable += batch.counts;
    failing = false;
    const auto waits = [this](const Waiter& waiter) {
      return waiter.entry > entries.durable || waiter.count > counts.durable;
    };
    const auto first_done = std::partition(waiters.begin(), waiters.end(), waits);
    std::move(first_done, waiters.end(), std::back_inserter(done));
    waiters.erase(first_done, waiters.end());
  }
  for (Waiter& waiter : done) waiter.finish({});
}

void Trail::State::tell(std::size_t written) {
  if (options.metrics == nullptr) return;
  options.metrics->count("audit_entries", {}, static_cast<double>(written));
  const std::scoped_lock lock(mutex);
  const std::uint64_t waiting = entries.recorded - entries.durable + counts.recorded - counts.durable;
  options.metrics->gauge("audit_waiting_entries", static_cast<double>(waiting));
}

void Trail::State::failed(const Error& error) {
  std::vector<Waiter> all;
  {
    const std::scoped_lock lock(mutex);
    failing = true;
    all.swap(waiters);
  }
  for (Waiter& waiter : all) {
    waiter.finish(options.proceed_on_outage ? Result<void>() : Result<void>(std::unexpected(error)));
  }
}

void Trail::State::wait(bool for_counts, std::function<void(Result<void>)> finish) {
  Result<void> answer;
  {
    const std::scoped_lock lock(mutex);
    const bool written = entries.written() && (!for_counts || counts.written());
    const bool proceed = failing && options.proceed_on_outage;
    if (!written && !failing) {
      waiters.push_back({entries.recorded, for_counts ? counts.recorded : 0, std::move(finish)});
      return;
    }
    if (!written && !proceed) answer = fail(ErrorCode::unavailable, "the audit trail cannot be written");
  }
  finish(std::move(answer));
}

/// Some of them. False: there are no more.
bool Trail::State::queue_counts(bool all, Tally::Sweep& sweep) {
  tally.set_minute(clock.wall());
  std::vector<TallyCount> taken = tally.take(all, sweep, kSweep);
  for (TallyCount& count : taken) {
    const std::size_t journalled = count.journalled ? 1 : 0;
    push(counts, {entry_of(std::move(count)), journalled});
  }
  const std::uint64_t dropped = tally.take_dropped();
  const std::scoped_lock lock(mutex);
  lost += dropped;
  return taken.size() == kSweep;
}

void Trail::State::queue_all_counts() {
  Tally::Sweep sweep;
  while (queue_counts(true, sweep)) continue;
}

/// While counts of the process before this one are outstanding, the place after which they may stand in the chain stays
/// what it was.
void Trail::State::release(std::size_t journalled) {
  left_over -= std::min(left_over, journalled);
  tally.release(journalled, left_over == 0 ? chain.head().sequence : tally.left_over_durable());
}

Task<Result<std::multiset<Bytes>>> Trail::State::written_after(std::uint64_t sequence) {
  std::multiset<Bytes> contents;
  for (;;) {
    const NodeId node = chain.head().node;
    Result<std::vector<AuditRecord>> page = co_await store.chain(node, sequence, kBatch);
    if (!page) co_return fail(page.error());
    for (const AuditRecord& record : *page) contents.insert(content_of(record.entry));
    if (page->size() < kBatch) co_return contents;
    sequence = page->back().sequence;
  }
}

/// A process that was killed left counts behind; those of its last batch may be in the chain already.
Task<Result<void>> Trail::State::recover() {
  std::vector<TallyCount> left = tally.left_over();
  left_over = left.size();
  std::size_t journalled = 0;
  if (!left.empty()) {
    auto there = co_await written_after(tally.left_over_durable());
    if (!there) co_return fail(there.error());
    for (TallyCount& count : left) {
      ++journalled;
      AuditEntry entry = entry_of(std::move(count));
      if (const auto twin = there->find(content_of(entry)); twin != there->end()) {
        there->erase(twin);
      } else {
        push(counts, {std::move(entry), std::exchange(journalled, 0)});
      }
    }
  }
  if (tally.left_over_unreadable() != 0) {
    AuditEntry gap = entry_about_the_trail(clock.wall(), "audit.lost", "counts_unreadable");
    gap.count = tally.left_over_unreadable();
    push(std::move(gap));
  }
  bool nothing_pushed = false;
  {
    const std::scoped_lock lock(mutex);
    nothing_pushed = counts.queue.empty();
    if (!nothing_pushed) counts.queue.back().journalled += journalled;
  }
  if (nothing_pushed) release(journalled);
  co_return Result<void>();
}

Task<Result<void>> Trail::State::append(std::vector<AuditRecord> records) {
  const std::uint64_t first = records.front().sequence;
  const AuditRecord last = records.back();
  Result<void> appended = co_await store.append(std::move(records));
  if (appended || appended.error().code != ErrorCode::conflict) co_return appended;
  // An append whose acknowledgement was lost is there already. Anything else in our place means that somebody else
  // writes this node's chain.
  Result<std::vector<AuditRecord>> there = co_await store.chain(last.node, first - 1, kBatch);
  if (!there) co_return fail(there.error());
  const bool ours = std::ranges::any_of(*there, [&](const AuditRecord& record) { return record.mac == last.mac; });
  if (ours) co_return Result<void>();
  co_return fail(ErrorCode::internal, "another process writes the audit chain of this node");
}

Trail::Trail(asio::any_io_executor executor, AuditStore& store, Clock& clock, ChainKey key, NodeId node,
             TrailOptions options)
    : state_(std::make_shared<State>(std::move(executor), store, clock, std::move(key), std::move(node),
                                     std::move(options))) {
  state_->tally.set_minute(clock.wall());
}

Trail::~Trail() { state_->ticking = false; }

Task<Result<void>> Trail::start(std::optional<AuditHead> kept) {
  auto state = state_;
  Result<std::vector<AuditHead>> heads = co_await state->store.heads();
  if (!heads) co_return fail(heads.error());
  for (AuditHead& head : *heads) {
    if (head.node == state->chain.head().node) state->chain.continue_from(std::move(head));
  }
  const std::uint64_t reached = state->chain.head().sequence;
  if (kept && kept->sequence > reached) {
    AuditEntry cut = entry_about_the_trail(state->clock.wall(), "audit.cut", "chain_is_shorter");
    cut.subject = "kept " + std::to_string(kept->sequence) + ", found " + std::to_string(reached);
    state->push(std::move(cut));
  }
  auto recovered = co_await state->recover();
  if (!recovered) co_return recovered;
  {
    const std::scoped_lock lock(state->mutex);
    state->started = true;
  }
  state->ticking = true;
  asio::co_spawn(state->executor, tick(state), asio::detached);
  asio::co_spawn(state->executor, watch(state), asio::detached);
  if (state->idle()) asio::co_spawn(state->executor, pump(state), asio::detached);
  co_return Result<void>();
}

/// The end of each minute, once a second. The counts of a busy minute are taken out as they are written, unless
/// somebody else pumps: then all at once, a few hundred bytes each.
Task<void> Trail::tick(std::shared_ptr<State> state) {
  while (state->ticking) {
    Tally::Sweep sweep;
    for (bool more = true; more && state->ticking;) {
      more = state->queue_counts(false, sweep);
      if (state->idle()) co_await pump(state);
      if (more) co_await asio::post(state->executor, asio::use_awaitable);
    }
    co_await prune(state);
    co_await state->clock.sleep(kTick);
  }
}

Task<void> Trail::pump(std::shared_ptr<State> state) {
  for (;;) {
    State::Batch batch = state->take_batch();
    if (batch.lines.empty()) co_return;
    std::size_t journalled = 0;
    std::vector<AuditRecord> records;
    for (State::Queued& queued : batch.lines) {
      journalled += queued.journalled;
      records.push_back(state->chain.next(std::move(queued.entry)));
    }
    for (;;) {
      std::vector<AuditRecord> copy = records;
      state->appending = state->clock.boot();
      Result<void> appended = co_await state->append(std::move(copy));
      state->appending.reset();
      if (appended) break;
      state->failed(appended.error());
      if (state->options.metrics != nullptr) state->options.metrics->count("audit_write_failures");
      co_await state->clock.sleep(kRetry);
    }
    state->release(journalled);
    if (state->options.on_durable) state->options.on_durable(state->chain.head());
    state->written(batch);
    state->tell(batch.lines.size());
  }
}

/// A store that does not answer is one that cannot be written: nobody waits until it says so.
Task<void> Trail::watch(std::shared_ptr<State> state) {
  while (state->ticking) {
    const bool late = state->appending && state->clock.boot() - *state->appending > kPatience;
    if (late) state->failed(Error{ErrorCode::unavailable, "the audit store does not answer", {}, {}});
    co_await state->clock.sleep(kRetry);
  }
}

/// Old records go after a note of where they ended is durable: the chain's readers begin there.
Task<void> Trail::prune(std::shared_ptr<State> state) {
  const WallTime now = state->clock.wall();
  if (state->options.retention <= Milliseconds(0) || now - state->pruned_at < hours(1)) co_return;
  state->pruned_at = now;
  const NodeId node = state->chain.head().node;
  Result<std::vector<AuditRecord>> oldest = co_await state->store.chain(node, 0, kBatch);
  if (!oldest) co_return;
  const auto kept = [before = now - state->options.retention](const AuditRecord& record) {
    return record.entry.at >= before;
  };
  const auto end = std::ranges::find_if(*oldest, kept);
  if (end == oldest->begin()) co_return;
  const AuditRecord& last = *std::prev(end);
  AuditEntry note = entry_about_the_trail(now, kPrunedAction, "ok");
  note.subject = to_text(AuditHead{node, last.sequence, last.mac});
  note.count = static_cast<std::uint64_t>(std::distance(oldest->begin(), end));
  state->push(std::move(note));
  if (state->idle()) co_await pump(state);
  if (!state->all_written()) co_return;
  const std::uint64_t through = last.sequence;
  if (co_await state->store.prune(node, through) && end == oldest->end()) state->pruned_at = {};
}

Task<Result<void>> Trail::stop(Milliseconds patience) {
  auto state = state_;
  state->ticking = false;
  state->queue_all_counts();
  if (state->idle()) asio::co_spawn(state->executor, pump(state), asio::detached);
  const BootTime until = state->clock.boot() + patience;
  for (;;) {
    if (state->all_written()) co_return Result<void>();
    if (state->clock.boot() >= until) {
      co_return fail(ErrorCode::unavailable, "the last audit entries could not be written");
    }
    co_await state->clock.sleep(Milliseconds(10));
  }
}

void Trail::record(AuditEntry entry) {
  state_->push(std::move(entry));
  if (state_->idle()) asio::co_spawn(state_->executor, pump(state_), asio::detached);
}

Task<Result<void>> Trail::settled() { return written(state_, false); }

Task<Result<void>> Trail::written(std::shared_ptr<State> state, bool counts) {
  auto initiate = [state, counts](auto handler) {
    auto executor = asio::prefer(asio::any_io_executor(asio::get_associated_executor(handler)),
                                 asio::execution::outstanding_work.tracked);
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    auto finish = [executor, shared](Result<void> answer) {
      auto deliver = [shared, answer = std::move(answer)]() mutable { std::move (*shared)(std::move(answer)); };
      asio::post(executor, std::move(deliver));
    };
    state->wait(counts, std::move(finish));
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>&, void(Result<void>)>(initiate,
                                                                                              asio::use_awaitable);
}

Task<Result<void>> Trail::write_counts() {
  auto state = state_;
  auto all = [state]() -> Task<void> {
    state->queue_all_counts();
    if (state->idle()) asio::co_spawn(state->executor, pump(state), asio::detached);
    co_return;
  };
  co_await asio::co_spawn(state->executor, std::move(all), asio::use_awaitable);
  co_return co_await written(std::move(state), true);
}

void Trail::count_use(TokenUse use) noexcept { state_->tally.count({TallyKind::used, use.actor, use.app, use.grant}); }

void Trail::count_refusal(const Refusal& refusal) {
  const TallyKey key{TallyKind::refused, refusal.actor, {}, refusal.code};
  state_->tally.count(key);
  if (state_->tally.is_marked(key)) return;
  state_->tally.mark(key);
  record(particulars_of(refusal, state_->clock.wall()));
}

bool Trail::count_disclosure(TokenUse use) noexcept {
  if (!state_->tally.is_marked(disclosed_to(use.actor))) return false;
  state_->tally.count({TallyKind::disclosed, use.actor, use.app, use.grant});
  return true;
}

Task<Result<void>> Trail::record_disclosure(AuditEntry entry) {
  auto state = state_;
  const std::string actor = entry.actor;
  record(std::move(entry));
  Result<void> written = co_await settled();
  if (written) state->tally.mark(disclosed_to(actor));
  co_return written;
}

}  // namespace keyfob::audit
