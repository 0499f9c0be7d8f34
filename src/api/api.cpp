#include "api/api.hpp"

#include <algorithm>
#include <array>
#include <boost/asio.hpp>
#include <charconv>
#include <exception>
#include <utility>

#include "api/direct_token.hpp"
#include "api/endpoint.hpp"
#include "api/record.hpp"
#include "api/services.hpp"

namespace keyfob::api {
namespace {

constexpr std::string_view kUnixPeer = "unix:uid=";

std::optional<std::uint32_t> uid_of(std::string_view peer) {
  if (!peer.starts_with(kUnixPeer)) return std::nullopt;
  peer.remove_prefix(kUnixPeer.size());
  std::uint32_t uid = 0;
  const auto [end, error] = std::from_chars(peer.data(), peer.data() + peer.size(), uid);
  if (error != std::errc() || end != peer.data() + peer.size()) return std::nullopt;
  return uid;
}

Answer<std::shared_ptr<const Admission>> admit(Gatekeeper& gatekeeper, const http::Request& request) {
  const Evidence evidence{.authorization = request.header("Authorization").value_or(std::string_view()),
                          .unix_uid = uid_of(request.peer),
                          .certificate_name = request.peer_certificate,
                          .peer = request.peer};
  auto admitted = gatekeeper.admit(evidence);
  if (admitted) return std::move(*admitted);
  return std::unexpected(problem_of(admitted.error()));
}

void wipe_authorization(http::Request& request) {
  for (http::Header& header : request.headers) {
    if (http::equal_no_case(header.name, "Authorization")) wipe(header.value.data(), header.value.size());
  }
}

std::unexpected<Problem> no_endpoint(const Match& match) {
  if (match.allow.empty()) return refuse("no_route", "nothing is served at this path", "see /openapi.json");
  Problem refusal = problem("method_not_allowed", "this path has other methods", "one of: " + match.allow);
  refusal.headers.push_back({"Allow", match.allow});
  return std::unexpected(std::move(refusal));
}

Answer<void> well_formed(const Endpoint& endpoint, Call& call, const ApiOptions& options) {
  const std::size_t most = endpoint.trait == Trait::bulk ? options.import_bytes : options.body_bytes;
  if (call.request.body.size() > most) {
    return refuse("too_large", "the body is larger than " + std::to_string(most) + " bytes",
                  "send it in smaller parts");
  }
  if (endpoint.query == "*") return {};
  auto query = Query::parse(call.request.query());
  if (!query) return refuse(query.error());
  if (const auto known = query->only(endpoint.query); !known) return refuse(known.error());
  call.query = std::move(*query);
  return {};
}

/// Forgets a request under way whichever way its handler ends, unless its answer is kept.
struct OneTime {
  IdempotencyMemory& memory;
  std::string key;
  bool kept = false;
  ~OneTime() {
    if (!kept) memory.forget(key);
  }
};

Answer<std::string> idempotency_key(const Endpoint& endpoint, const Call& call) {
  const auto key = call.request.header("Idempotency-Key");
  if (!key || endpoint.trait != Trait::creates) return std::string();
  const auto visible = [](char c) { return c > ' ' && c <= '~'; };
  if (key->empty() || key->size() > 255 || !std::ranges::all_of(*key, visible)) {
    return refuse("bad_request", "the Idempotency-Key is not 1 to 255 visible characters", "a UUID serves well");
  }
  return call.admission->caller.str() + ' ' + std::string(endpoint.path) + ' ' + std::string(*key);
}

/// Tells requests apart that use the same key; of this process, and no copy of the body is made.
std::size_t fingerprint(const http::Request& request) {
  const std::hash<std::string_view> hash;
  return hash(request.target) * 31 + hash(request.body);
}

/// What `verdict` says to a request that is not to be carried out.
Outcome repeated(IdempotencyMemory::Verdict verdict) {
  if (auto* response = std::get_if<http::Response>(&verdict)) {
    response->headers.push_back({"Idempotency-Replayed", "true"});
    return std::move(*response);
  }
  if (std::holds_alternative<IdempotencyMemory::Differs>(verdict)) {
    return refuse("conflict", "this Idempotency-Key was used for another request", "use a new key");
  }
  Problem running = problem("conflict", "the first request with this Idempotency-Key is still under way");
  running.retry_after = seconds(1);
  return std::unexpected(std::move(running));
}

Task<Outcome> run_once(Services& services, const Endpoint& endpoint, Call call) {
  auto key = idempotency_key(endpoint, call);
  if (!key) co_return std::unexpected(key.error());
  if (key->empty()) co_return co_await endpoint.handler(services, std::move(call));
  IdempotencyMemory& memory = services.idempotency;
  auto verdict = memory.begin(*key, fingerprint(call.request), services.clock.boot());
  if (!std::holds_alternative<IdempotencyMemory::Proceed>(verdict)) co_return repeated(std::move(verdict));
  OneTime once{memory, std::move(*key)};
  Outcome outcome = co_await endpoint.handler(services, std::move(call));
  if (outcome) {
    memory.finish(once.key, *outcome);
    once.kept = true;
  }
  co_return outcome;
}

Task<Outcome> on_engine(Services& services, const Endpoint& endpoint, Call call) {
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  const std::shared_ptr<const AuditEntry> note = call.note;
  Outcome outcome = co_await run_once(services, endpoint, std::move(call));
  co_await put_on_record(services, endpoint, note, outcome);
  co_return outcome;
}

/// By what a request is followed.
struct Trail {
  BootTime began{};
  std::string id{};
  bool in_answer = false;  ///< the id was the caller's, or is on record, or the answer is a problem
  std::string method{};
  std::string traceparent{};
  std::string_view route{};
  std::string caller{};
  std::string code{};
};

/// The request keeps the id it came with, or gets one.
Trail begin_trail(const Services& services, http::Request& request) {
  Trail trail{.began = services.clock.boot(), .method = request.method};
  trail.traceparent = request.header("traceparent").value_or(std::string_view());
  const auto given = request.header(http::kRequestIdHeader);
  trail.in_answer = given && http::is_request_id(*given);
  if (trail.in_answer) {
    trail.id = *given;
    return trail;
  }
  trail.id = services.request_ids.next(services.clock.wall());
  std::erase_if(request.headers,
                [](const auto& header) { return http::equal_no_case(header.name, http::kRequestIdHeader); });
  request.headers.push_back({std::string(http::kRequestIdHeader), trail.id});
  return trail;
}

http::Response problem_response(Problem problem, Trail& trail) {
  problem.request_id = trail.id;
  trail.code = problem.code;
  trail.in_answer = true;
  return to_response(problem);
}

}  // namespace

struct Api::State {
  Services services;

  Task<Outcome> dispatch(const Endpoint& endpoint, Call call);
  Task<http::Response> answer(http::Request request, std::shared_ptr<const Admission> admission);
  Task<Outcome> attempt(http::Request request, std::shared_ptr<const Admission> admission, Trail& trail);
  void tell(const Trail& trail, const http::Response& response) const;
};

Task<Outcome> Api::State::dispatch(const Endpoint& endpoint, Call call) {
  if (endpoint.audience != Audience::anybody) {
    if (const auto may = permitted(endpoint, *call.admission); !may) co_return std::unexpected(may.error());
  }
  if (const auto fine = well_formed(endpoint, call, services.options); !fine) co_return std::unexpected(fine.error());
  if (endpoint.trait == Trait::always_ready) co_return co_await endpoint.handler(services, std::move(call));
  if (services.options.ready && !services.options.ready()) {
    Problem starting = problem("starting", "Keyfob is starting or stopping", "try again later");
    starting.retry_after = seconds(1);
    co_return std::unexpected(std::move(starting));
  }
  if (endpoint.trait == Trait::any_thread) co_return co_await endpoint.handler(services, std::move(call));
  auto task = on_engine(services, endpoint, std::move(call));
  Outcome outcome = co_await asio::co_spawn(services.engine.executor(), std::move(task), asio::use_awaitable);
  co_return outcome;
}

Task<Outcome> Api::State::attempt(http::Request request, std::shared_ptr<const Admission> admission, Trail& trail) {
  Call call;
  call.request = std::move(request);
  Match match = match_endpoint(call.request.method, call.request.path());
  if (match.endpoint == nullptr) co_return no_endpoint(match);
  const Endpoint& endpoint = *match.endpoint;
  trail.route = endpoint.path;
  call.captures = std::move(match.captures);
  call.admission = std::move(admission);
  if (endpoint.audience != Audience::anybody) {
    if (call.admission == nullptr) {
      auto admitted = admit(services.gatekeeper, call.request);
      if (!admitted) {
        count_refusal(services, endpoint, {}, trail.id, admitted.error());
        co_return std::unexpected(admitted.error());
      }
      call.admission = std::move(*admitted);
    }
  }
  call.note = begin_note(services, call);
  const std::string actor = call.note->actor;
  trail.caller = actor;
  trail.in_answer = trail.in_answer || !endpoint.audit.empty();
  wipe_authorization(call.request);
  Outcome outcome = co_await dispatch(endpoint, std::move(call));
  if (!outcome) count_refusal(services, endpoint, actor, trail.id, outcome.error());
  co_return outcome;
}

void Api::State::tell(const Trail& trail, const http::Response& response) const {
  RequestLog* const log = services.options.requests;
  if (log == nullptr || !log->wants(response.status)) return;
  log->write({.method = trail.method,
              .route = trail.route,
              .caller = trail.caller,
              .grant = {},
              .code = trail.code,
              .status = response.status,
              .duration = services.clock.boot() - trail.began,
              .request_id = trail.id,
              .traceparent = trail.traceparent});
}

Task<http::Response> Api::State::answer(http::Request request, std::shared_ptr<const Admission> admission) {
  const bool head = request.method == "HEAD";
  Trail trail = begin_trail(services, request);
  http::Response response;
  try {
    Outcome outcome = co_await attempt(std::move(request), std::move(admission), trail);
    response = outcome ? std::move(*outcome) : problem_response(std::move(outcome.error()), trail);
  } catch (const std::exception&) {
    response = problem_response(problem("internal", "an unexpected failure inside Keyfob", "please report it"), trail);
  }
  if (trail.in_answer) response.headers.push_back({std::string(http::kRequestIdHeader), trail.id});
  tell(trail, response);
  if (head) response.body.clear();
  co_return response;
}

Api::Api(engine::Engine& engine, Gatekeeper& gatekeeper, const Clock& clock, ApiOptions options)
    : state_(new State{{engine, gatekeeper, clock, std::move(options)}}) {}

Api::~Api() = default;

Task<http::Response> Api::handle(http::Request request) { return state_->answer(std::move(request), nullptr); }

Task<http::Response> Api::handle(http::Request request, std::shared_ptr<const Admission> admission) {
  return state_->answer(std::move(request), std::move(admission));
}

std::unique_ptr<DirectToken> Api::direct_token() const { return std::make_unique<DirectToken>(state_->services); }

bool Api::serves(std::string_view path) {
  if (path == "/v1" || path.starts_with("/v1/") || path.starts_with("/webhooks/")) return true;
  const auto is_path = [path](const Endpoint& endpoint) { return endpoint.path == path; };
  return std::ranges::any_of(endpoints(), is_path);
}

}  // namespace keyfob::api
