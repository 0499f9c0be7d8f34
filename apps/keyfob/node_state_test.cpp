#include "apps/keyfob/node_state.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "apps/keyfob/temp_dir_for_test.hpp"

namespace keyfob::node {
namespace {

TEST(NodeState, KeepsItsIdAndCountsItsStarts) {
  const test::TempDir dir;
  NodeId first;
  {
    auto state = NodeState::open(dir.path() / "state");
    ASSERT_TRUE(state);
    first = state->identity().id;
    EXPECT_EQ(state->identity().incarnation, Incarnation(1));
  }
  auto again = NodeState::open(dir.path() / "state");
  ASSERT_TRUE(again);
  EXPECT_EQ(again->identity().id, first);
  EXPECT_EQ(again->identity().incarnation, Incarnation(2));
}

TEST(NodeState, IsNeverSharedByTwo) {
  const test::TempDir dir;
  const auto one = NodeState::open(dir.path() / "state");
  ASSERT_TRUE(one);
  EXPECT_EQ(NodeState::open(dir.path() / "state").error().code, ErrorCode::conflict);
}

TEST(NodeState, GivesTwoDirectoriesTwoIds) {
  const test::TempDir dir;
  const auto one = NodeState::open(dir.path() / "one");
  const auto two = NodeState::open(dir.path() / "two");
  ASSERT_TRUE(one && two);
  EXPECT_NE(one->identity().id, two->identity().id);
}

TEST(NodeState, RefusesADirectoryThatOthersCanWrite) {
  const test::TempDir dir;
  ::chmod(dir.path().c_str(), 0777);
  const auto error = NodeState::open(dir.path()).error();
  EXPECT_EQ(error.code, ErrorCode::unsafe);
  EXPECT_NE(error.hint.find("chmod 700"), std::string::npos);
}

TEST(NodeState, DoesNotStartOverWhenItsFilesAreDamaged) {
  const test::TempDir dir;
  ASSERT_TRUE(NodeState::open(dir.path() / "state"));
  dir.write("state/incarnation", "many\n");
  EXPECT_EQ(NodeState::open(dir.path() / "state").error().code, ErrorCode::damaged);
  std::filesystem::remove(dir.path() / "state/incarnation");
  dir.write("state/node", "");
  EXPECT_EQ(NodeState::open(dir.path() / "state").error().code, ErrorCode::damaged);
}

}  // namespace
}  // namespace keyfob::node
