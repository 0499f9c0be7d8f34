#include "apps/keyfob/table.hpp"

#include <gtest/gtest.h>

namespace keyfob::cli {
namespace {

TEST(Table, AlignsColumnsAndLeavesNothingAfterTheLast) {
  Table table({"NAME", "MODE"});
  table.add({"a-longer-name", "live"});
  table.add({"b", ""});
  EXPECT_EQ(table.render(), "NAME           MODE\na-longer-name  live\nb              -\n");
}

TEST(Table, CountsLettersNotBytes) {
  Table table({"N", "X"});
  table.add({"\u00e4\u00f6", "1"});
  table.add({"ab", "2"});
  EXPECT_EQ(table.render(), "N   X\n\u00e4\u00f6  1\nab  2\n");
}

TEST(Table, ShowsControlCharactersAsQuestionMarks) {
  Table table({"N"});
  table.add({"a\x1b[2Jb\n"});
  EXPECT_EQ(table.render(), "N\na?[2Jb?\n");
}

TEST(Fields, StandInOneColumn) { EXPECT_EQ(render_fields({{"id", "7"}, {"created", ""}}), "id       7\ncreated  -\n"); }

}  // namespace
}  // namespace keyfob::cli
