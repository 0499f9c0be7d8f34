#include <algorithm>
#include <optional>

#include "api/grant_codec.hpp"
#include "api/handlers.hpp"
#include "api/render.hpp"
#include "engine/import_flow.hpp"

namespace keyfob::api {
namespace {

constexpr std::size_t kPart = 1000;  ///< lines in one transaction

/// The grants of some lines that can be stored, with the number of the line each came from.
struct Batch {
  std::vector<engine::NewGrant> grants{};
  std::vector<std::size_t> lines{};
};

/// Where in the body the next line begins, and its number.
struct Place {
  std::string_view text;
  std::size_t number = 1;
};

std::string_view take_line(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

FailedLine failed_line(std::size_t number, const Problem& problem) {
  return {number, problem.code, problem.detail, problem.hint};
}

Answer<engine::NewGrant> read_line(const Call& call, std::string_view line) {
  auto grant = read_new_grant(line);
  if (!grant) return grant;
  if (const auto fine = engine::validate(*grant); !fine) return refuse(fine.error());
  if (const auto visible = may_see(call, grant->user.view()); !visible) return std::unexpected(visible.error());
  return grant;
}

Answer<void> count_lines(std::string_view text, std::size_t most) {
  const auto breaks = static_cast<std::size_t>(std::ranges::count(text, '\n'));
  if (breaks + (text.empty() || text.ends_with('\n') ? 0 : 1) <= most) return {};
  return refuse("limit_exceeded", "more than " + std::to_string(most) + " lines", "send them in several requests");
}

/// The next lines of the body, as many as make one part. Empty: there are no more.
Batch read_part(const Call& call, Place& place, ImportReport& report) {
  Batch batch;
  for (; !place.text.empty() && batch.grants.size() < kPart; ++place.number) {
    const std::string_view line = take_line(place.text);
    if (line.find_first_not_of(" \t") == std::string_view::npos) continue;
    auto grant = read_line(call, line);
    if (!grant) {
      report.failed.push_back(failed_line(place.number, grant.error()));
      continue;
    }
    batch.grants.push_back(std::move(*grant));
    batch.lines.push_back(place.number);
  }
  return batch;
}

void count_results(const std::vector<Result<engine::ImportedGrant>>& results, const std::vector<std::size_t>& lines,
                   ImportReport& report) {
  for (std::size_t i = 0; i < results.size() && i < lines.size(); ++i) {
    if (!results[i]) {
      report.failed.push_back(failed_line(lines[i], problem_of(results[i].error())));
      continue;
    }
    if (results[i]->unchanged) {
      ++report.unchanged;
    } else if (results[i]->kept) {
      ++report.kept;
    } else {
      ++report.imported;
      if (results[i]->replaced) ++report.replaced;
    }
  }
}

Answer<engine::ImportRules> rules_of(const Call& call) {
  const auto dry_run = call.query.flag("dry_run");
  if (!dry_run) return refuse(dry_run.error());
  const auto replace = call.query.flag("replace");
  if (!replace) return refuse(replace.error());
  return engine::ImportRules{.keep_existing = !*replace, .leave_same = true, .dry_run = *dry_run};
}

/// Whether the token opens what the line says; nothing is stored or rotated. Empty: it does.
Task<std::optional<Problem>> probe(Services& services, AppId app, engine::NewGrant grant) {
  AccessToken token = std::move(grant.pair.access);
  const auto identity = co_await services.engine.reconciler().whose(std::move(app), std::move(token));
  if (!identity && identity.error().code == ErrorCode::refused) {
    co_return problem("provider_refused", "the provider does not accept its access token");
  }
  if (!identity) co_return problem_of(identity.error());
  const bool known = !grant.provider_user.empty() && !identity->provider_user.empty();
  if (known && identity->provider_user != grant.provider_user) {
    co_return problem("conflict", "its access token is of another provider_user");
  }
  for (const VehicleId& vehicle : grant.vehicles) {
    if (std::ranges::find(identity->vehicles, vehicle) == identity->vehicles.end())
      co_return problem("conflict", "its access token does not open one of its vehicles");
  }
  co_return std::nullopt;
}

}  // namespace

Task<Outcome> import_grants(Services& services, Call call) {
  const auto app = app_of(services, call);
  if (!app) co_return std::unexpected(app.error());
  const auto rules = rules_of(call);
  if (!rules) co_return std::unexpected(rules.error());
  Place place{call.request.body};
  if (const auto few = count_lines(place.text, kImportLines); !few) co_return std::unexpected(few.error());
  ImportReport report;
  const auto flow = std::make_shared<engine::ImportFlow>(services.engine.executor(), services.engine.grants(),
                                                         (*app)->app().id, *rules);
  {
    const auto turn = co_await services.engine.import_turns().take();
    while (!flow->failed()) {
      Batch batch = read_part(call, place, report);
      if (batch.grants.empty()) break;
      co_await flow->add(std::move(batch.grants), std::move(batch.lines));
    }
  }
  const auto parts = co_await flow->finish();
  std::optional<Error> failure;
  for (const auto& part : parts) {
    if (*part->results) count_results(**part->results, part->lines, report);
    if (!*part->results && !failure) failure = part->results->error();
  }
  call.note->count = rules->dry_run ? 0 : report.imported;
  if (failure) co_return refuse(*failure);
  std::ranges::sort(report.failed, {}, &FailedLine::line);
  co_return json_response(200, import_json(report));
}

Task<Outcome> probe_grants(Services& services, Call call) {
  const auto app = app_of(services, call);
  if (!app) co_return std::unexpected(app.error());
  Place place{call.request.body};
  if (const auto few = count_lines(place.text, kProbeLines); !few) co_return std::unexpected(few.error());
  ImportReport report;
  for (Batch batch = read_part(call, place, report); !batch.grants.empty(); batch = read_part(call, place, report)) {
    for (std::size_t i = 0; i < batch.grants.size(); ++i) {
      AppId id = (*app)->app().id;
      auto wrong = co_await probe(services, std::move(id), std::move(batch.grants[i]));
      if (wrong) report.failed.push_back(failed_line(batch.lines[i], *wrong));
      if (!wrong) ++report.unchanged;
    }
  }
  std::ranges::sort(report.failed, {}, &FailedLine::line);
  co_return json_response(200, import_json(report));
}

}  // namespace keyfob::api
