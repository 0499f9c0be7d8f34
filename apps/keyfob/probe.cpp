#include "apps/keyfob/probe.hpp"

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "apps/keyfob/json_view.hpp"
#include "apps/keyfob/terminal.hpp"
#include "http/message.hpp"

namespace keyfob::cli {
namespace {

Result<std::vector<std::string>> grants_of(Context& context, const std::string& status) {
  std::vector<std::string> ids;
  std::string cursor;
  do {
    auto page = context.call("GET", "/v1/grants?limit=1000&status=" + status + cursor);
    if (!page) return fail(page.error());
    for (const auto* grant : elements_of(page->value, "grants"))
      ids.push_back(text_of(*grant, "id") + "?app=" + http::encode_component(text_of(*grant, "app")));
    const std::string next = text_of(page->value, "next_cursor");
    cursor = next.empty() ? next : "&cursor=" + http::encode_component(next);
  } while (!cursor.empty());
  return ids;
}

bool is_refusal(const Error& error) {
  return error.code == ErrorCode::refused || error.what.contains("[refresh_refused]");
}

void probe(Context& context, const std::string& id, ProbeReport& report) {
  const auto mark = id.find('?');
  ++report.probed;
  const auto answer = context.call("POST", "/v1/grants/" + id.substr(0, mark) + "/refresh" + id.substr(mark));
  if (answer) {
    ++report.refreshed;
  } else if (is_refusal(answer.error())) {
    ++report.refused;
  } else {
    ++report.unanswered;
  }
}

}  // namespace

Result<ProbeReport> probe_grants(Context& context) {
  ProbeReport report;
  std::vector<std::string> all;
  for (const char* status : {"active", "suspect"}) {
    auto some = grants_of(context, status);
    if (!some) return fail(some.error());
    all.insert(all.end(), some->begin(), some->end());
  }
  ProgressBar bar("probing", all.size(), stderr_is_terminal());
  for (const auto& id : all) {
    probe(context, id, report);
    bar.advance_to(report.probed, "");
  }
  return report;
}

}  // namespace keyfob::cli
