// The worked example of docs/spec/refresh.md: the real engine over SQLite, killed between the provider's answer and the
// commit, with time and dice that do not move by themselves. What it sends, gets and stores has to be what the page
// shows. KEYFOB_UPDATE_EXAMPLES=1 writes the page anew.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "engine/engine.hpp"
#include "oauth/profiles.hpp"
#include "oauth/token_codec.hpp"
#include "store/sqlite/connection.hpp"
#include "store/sqlite/sqlite_store.hpp"
#include "testing/fake_clock.hpp"
#include "testing/fakes.hpp"

namespace keyfob {
namespace {

constexpr std::string_view kAnswer =
    R"({"access_token":"0e2d5a1c-7b1f-4a3e-9d46-5c8f2b7e1a02","token_type":"Bearer","expires_in":7200,)"
    R"("refresh_token":"b7c4e9d2-3f60-4c58-8a17-e2d94f0b6c02"})";

/// Not random at all: what is asked for in one size counts up, whatever is asked for in others.
class CountingRandom final : public Random {
 public:
  void fill(std::span<std::uint8_t> out) override {
    const auto base = static_cast<std::uint8_t>(out.size() == 4 ? 0 : out.size() * 2);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(out.size() == 4 ? 0 : base + i);
    if (out.size() != 4) out.back() = calls_[out.size()]++;
  }

 private:
  std::map<std::size_t, std::uint8_t> calls_;
};

/// The provider: shows every request, keeps the first answer to itself.
class ShowingEndpoint final : public TokenEndpoint, public ProviderApi {
 public:
  ShowingEndpoint(testing::FakeClock& clock, std::function<void()> look) : clock_(clock), look_(std::move(look)) {}

  Task<TokenAnswer> exchange(TokenRequest request, ExchangeLimits) override {
    look_();
    const ProviderProfile profile = oauth::builtin_profile("smartcar").value();
    requests.push_back(wire_text(oauth::encode_request(profile, request).value()));
    if (requests.size() == 1) co_await clock_.sleep(hours(1));  // rotated; the answer is on its way
    oauth::RawAnswer raw;
    raw.status = 200;
    raw.content_type = "application/json";
    raw.body = kAnswer;
    co_return oauth::decode_answer(profile, request, raw, clock_.wall());
  }
  Task<Result<Identity>> identity(std::string, AccessToken) override { co_return fail(ErrorCode::unavailable, ""); }
  Task<Result<void>> revoke(Revocation) override { co_return Result<void>(); }

  std::vector<std::string> requests;

 private:
  static std::string wire_text(const oauth::EncodedRequest& request) {
    std::string text =
        "POST " + std::string(request.target) + " HTTP/1.1\r\nHost: " + request.origin.substr(8) + "\r\n";
    for (const auto& [name, value] : request.headers) text += name + ": " + std::string(value) + "\r\n";
    return text + "\r\n" + std::string(request.body);
  }

  testing::FakeClock& clock_;
  std::function<void()> look_;
};

using Columns = std::vector<std::pair<std::string, std::string>>;

class RefreshExample : public ::testing::Test {
 protected:
  RefreshExample() {
    std::string name = (std::filesystem::temp_directory_path() / "keyfob-example-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    SqliteOptions options;
    options.create = true;
    options.clock = &clock_;
    options.boot_id = "9f4a";
    store_ = SqliteStore::open(folder_ + "/keyfob.db", options).value();
    start();
  }
  ~RefreshExample() override {
    kill();
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  void start() {
    SqliteStore& s = *store_;
    engine::EnginePorts ports{s, s,         s,         s,      s,       s,      s,       s,       s,       s,
                              s, endpoint_, endpoint_, spool_, master_, clock_, random_, events_, metrics_};
    engine::Directory::Profiles profiles;
    profiles.emplace("smartcar", std::make_shared<ProviderProfile>(oauth::builtin_profile("smartcar").value()));
    context_ = std::make_unique<asio::io_context>();
    engine_ = std::make_unique<engine::Engine>(context_->get_executor(), ports, engine::EngineConfig{},
                                               NodeIdentity{NodeId("n1"), Incarnation(++starts_)}, std::move(profiles));
  }
  /// kill -9: memory is gone, the files stay.
  void kill() {
    engine_.reset();
    // The store's threads may be about to answer it: it runs no more, and goes after them.
    killed_.push_back(std::move(context_));
    spool_.crash();
  }
  void run_until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done()) {
      if (std::chrono::steady_clock::now() > end) throw std::runtime_error("the example did not get there");
      context_->restart();
      context_->run_for(std::chrono::milliseconds(1));
    }
  }
  template <class T>
  T run(Task<T> task) {
    std::optional<T> result;
    asio::co_spawn(*context_, std::move(task),
                   [&](const std::exception_ptr&, T value) { result.emplace(std::move(value)); });
    run_until([&] { return result.has_value(); });
    return std::move(*result);
  }

  /// The row of the only grant, column by column.
  Columns row() {
    auto file = sqlite::Connection::open(folder_ + "/keyfob.db", {.read_only = true}).value();
    std::vector<std::string> names;
    auto columns = file->query("SELECT name FROM pragma_table_info('grants') ORDER BY cid");
    while (columns.step()) names.emplace_back(columns.text());
    std::string sql = "SELECT ";
    for (const std::string& name : names) {
      sql += "CASE typeof(" + name + ") WHEN 'blob' THEN length(" + name + ") || ' bytes ' || lower(substr(hex(" +
             name + "), 1, 12)) || '...' || lower(substr(hex(" + name + "), -8)) WHEN 'null' THEN '-' ELSE CAST(" +
             name + " AS TEXT) END, ";
    }
    sql.replace(sql.size() - 2, 2, " FROM grants");
    auto grant = file->query(sql.c_str());
    Columns found;
    if (!grant.step()) return found;
    for (const std::string& name : names) found.emplace_back(name, std::string(grant.text()));
    return found;
  }

  std::string folder_;
  testing::FakeClock clock_;
  CountingRandom random_;
  testing::MemorySpool spool_;
  testing::FakeMasterKey master_;
  testing::RecordingEvents events_;
  testing::RecordingMetrics metrics_;
  std::vector<Columns> rows_;
  ShowingEndpoint endpoint_{clock_, [this] { rows_.push_back(row()); }};
  std::vector<std::unique_ptr<asio::io_context>> killed_;
  std::unique_ptr<SqliteStore> store_;
  std::unique_ptr<asio::io_context> context_;
  std::unique_ptr<engine::Engine> engine_;
  std::uint64_t starts_ = 0;
};

void widen(std::string& text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
}

/// One line for each column that is anything at any moment; a ditto mark where nothing changed.
std::string table(const std::vector<Columns>& rows, const std::vector<std::string>& heads) {
  std::string out;
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string text;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::size_t begin = i == 0 ? 0 : 22 + (i - 1) * 35;
      widen(text, begin);
      text += cells[i];
    }
    out += text + "\n";
  };
  line(heads);
  for (std::size_t column = 0; column < rows[0].size(); ++column) {
    std::vector<std::string> cells{rows[0][column].first};
    bool anything = false;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::string& value = rows[i][column].second;
      anything = anything || (value != "-" && !value.empty() && value != "0");
      cells.push_back(i > 0 && value == rows[i - 1][column].second ? "." : value);
    }
    while (cells.size() > 2 && cells.back() == ".") cells.pop_back();
    if (anything) line(cells);
  }
  return out;
}

std::string unix_lines(std::string text) {
  std::erase(text, '\r');
  return text;
}

/// The fenced block after "<!-- example: NAME -->", with its place in the page.
struct Block {
  std::size_t begin = 0;
  std::size_t end = 0;
};
Block block_of(const std::string& page, const std::string& name) {
  const std::size_t mark = page.find("<!-- example: " + name + " -->\n```");
  if (mark == std::string::npos) throw std::runtime_error("the page has no example " + name);
  const std::size_t begin = page.find('\n', page.find("```", mark)) + 1;
  return {begin, page.find("```", begin)};
}

void check(const std::map<std::string, std::string>& blocks) {
  std::ifstream in(KEYFOB_SPEC);
  std::stringstream text;
  text << in.rdbuf();
  std::string page = text.str();
  const bool update = ::getenv("KEYFOB_UPDATE_EXAMPLES") != nullptr;
  for (const auto& [name, content] : blocks) {
    const Block block = block_of(page, name);
    if (update) page.replace(block.begin, block.end - block.begin, content);
    EXPECT_EQ(page.substr(block_of(page, name).begin, content.size() + 3), content + "```")
        << name << ": KEYFOB_UPDATE_EXAMPLES=1 build/bin/refresh_example_test writes the page anew";
  }
  if (update) std::ofstream(KEYFOB_SPEC) << page;
}

TEST_F(RefreshExample, IsThatOfThePage) {
  ASSERT_TRUE(run(engine_->load()));
  engine::ApplicationEdit edit;
  edit.client_id = "8229df9f-91a0-4ff0-a1ae-a1f38ee24d07";
  edit.client_secret = ClientSecret("24d55382-843f-4ce9-a7a7-cl13nts3cr3t");
  const auto app = run(engine_->directory().add_application("fleet", std::move(edit)));
  ASSERT_TRUE(app) << app.error().what;
  engine::NewGrant grant;
  grant.user = UserId("user-42");
  grant.vehicles = {VehicleId("36ab27d0-fd9d-4455-823a-ce30af709ffc")};
  grant.pair = {AccessToken("0e2d5a1c-7b1f-4a3e-9d46-5c8f2b7e1a01"),
                RefreshToken("b7c4e9d2-3f60-4c58-8a17-e2d94f0b6c01")};
  grant.expires_in = hours(2);
  const auto imported = run(engine_->grants().import_one(app->id, std::move(grant)));
  ASSERT_TRUE(imported) << imported.error().what;
  rows_.push_back(row());

  clock_.advance(hours(2) + minutes(1));
  asio::co_spawn(*context_, engine_->get(app->id, "user-42", "", seconds(30)),
                 [](const std::exception_ptr&, const std::expected<GrantToken, TokenFailure>&) {});
  run_until([&] { return endpoint_.requests.size() == 1; });
  kill();
  clock_.advance(Milliseconds(2500));
  start();
  ASSERT_TRUE(run(engine_->start()));
  run_until([&] { return metrics_.counts["refreshes.committed"] == 1; });
  rows_.push_back(row());

  ASSERT_EQ(endpoint_.requests.size(), 2U);
  EXPECT_EQ(endpoint_.requests[0], endpoint_.requests[1]) << "recovery sends the very same bytes";
  const auto served = run(engine_->get(app->id, "user-42", "", seconds(30)));
  ASSERT_TRUE(served);
  EXPECT_EQ(reveal_secret(served->token), "0e2d5a1c-7b1f-4a3e-9d46-5c8f2b7e1a02");
  EXPECT_EQ(endpoint_.requests.size(), 2U);

  ASSERT_EQ(rows_.size(), 4U);
  const std::string answer =
      "HTTP/1.1 200 OK\nContent-Type: application/json\nContent-Length: " + std::to_string(kAnswer.size()) + "\n\n" +
      std::string(kAnswer) + "\n";
  check({{"request", unix_lines(endpoint_.requests[0]) + "\n"},
         {"answer", answer},
         {"row", table(rows_, {"column", "imported", "1 after Begin: the request leaves",
                               "2 killed, started, after Begin", "3 after Commit"})}});
}

}  // namespace
}  // namespace keyfob
