#include "apps/keyfob/import_sender.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <set>

namespace keyfob::cli {
namespace {

PreparedBatch batch_of(std::initializer_list<std::string_view> objects) {
  ImportBatch batch;
  for (const auto object : objects) batch.good.push_back({batch.good.size() + 1, wiped_string(object)});
  return prepare_batch(std::move(batch), 0);
}

/// An API whose answers are held back until they are wanted.
class HeldApi {
 public:
  Result<ApiAnswer> post(std::string body) {
    std::unique_lock lock(mutex_);
    arrived_.insert(body);
    changed_.notify_all();
    changed_.wait(lock, [&] { return released_.contains(body) || all_; });
    if (body.find("refused") != std::string::npos) return fail(ErrorCode::conflict, "refused");
    return ApiAnswer{200, body, nullptr};
  }
  void await(const std::string& body) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return arrived_.contains(body); });
  }
  void release(const std::string& body) {
    const std::scoped_lock lock(mutex_);
    released_.insert(body);
    changed_.notify_all();
  }
  void release_all() {
    const std::scoped_lock lock(mutex_);
    all_ = true;
    changed_.notify_all();
  }
  std::size_t arrived() {
    const std::scoped_lock lock(mutex_);
    return arrived_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::string> arrived_;
  std::set<std::string> released_;
  bool all_ = false;
};

class ImportSenderTest : public testing::Test {
 protected:
  HeldApi api;
  std::vector<std::string> answers;
  ImportSender sender{[this](std::string body) { return api.post(std::move(body)); },
                      [this](const PreparedBatch&, const ApiAnswer& answer) { answers.push_back(answer.text); }};
};

constexpr std::string_view kAnn = R"({"user":"ann"})";
constexpr std::string_view kBob = R"({"user": "bob"})";
const std::string kAnnBody = std::string(kAnn) + "\n";
const std::string kBobBody = std::string(kBob) + "\n";

TEST_F(ImportSenderTest, two_batches_are_on_their_way_and_are_counted_in_their_order) {
  ASSERT_TRUE(sender.send(batch_of({kAnn})));
  ASSERT_TRUE(sender.send(batch_of({kBob})));
  api.await(kAnnBody);
  api.await(kBobBody);
  api.release(kBobBody);
  api.release(kAnnBody);
  ASSERT_TRUE(sender.finish());
  EXPECT_EQ(answers, (std::vector{kAnnBody, kBobBody}));
}

TEST_F(ImportSenderTest, a_user_s_second_batch_waits_for_the_answer_to_the_first) {
  ASSERT_TRUE(sender.send(batch_of({kAnn})));
  api.await(kAnnBody);
  auto second = std::async(std::launch::async, [this] { return sender.send(batch_of({kBob, kAnn})); });
  EXPECT_EQ(second.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  EXPECT_EQ(api.arrived(), 1U);
  api.release_all();
  EXPECT_TRUE(second.get());
  EXPECT_TRUE(sender.finish());
  EXPECT_EQ(answers.size(), 2U);
}

TEST_F(ImportSenderTest, a_batch_whose_users_are_not_known_goes_alone) {
  ASSERT_TRUE(sender.send(batch_of({kAnn})));
  auto second = std::async(std::launch::async, [this] { return sender.send(batch_of({R"({"\u0075ser":"bob"})"})); });
  EXPECT_EQ(second.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  api.release_all();
  EXPECT_TRUE(second.get());
  EXPECT_TRUE(sender.finish());
}

TEST_F(ImportSenderTest, an_error_ends_it_and_what_was_answered_before_counts) {
  api.release_all();
  ASSERT_TRUE(sender.send(batch_of({kAnn})));
  ASSERT_TRUE(sender.send(batch_of({R"({"user":"refused"})"})));
  const auto finished = sender.finish();
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().code, ErrorCode::conflict);
  EXPECT_EQ(answers, std::vector{kAnnBody});
}

TEST(UserAtAGlance, is_given_only_when_there_is_no_doubt) {
  EXPECT_EQ(user_at_a_glance(R"({"user":"ann","vehicles":[]})"), "ann");
  EXPECT_EQ(user_at_a_glance(R"({"vehicles":["v"], "user" : "ann b"})"), "ann b");
  EXPECT_EQ(user_at_a_glance(R"({"provider_user":"p","user":"ann"})"), "ann");
  for (const char* doubtful : {"{}", R"({"user":7})", R"({"user":"a\"b"})", R"({"user":"ann","user":"bob"})",
                               R"({"scope":"user","user":"ann"})", R"({"user":"ann)", R"({"user")"}) {
    EXPECT_EQ(user_at_a_glance(doubtful), "") << doubtful;
  }
}

}  // namespace
}  // namespace keyfob::cli
