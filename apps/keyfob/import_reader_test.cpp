#include "apps/keyfob/import_reader.hpp"

#include <gtest/gtest.h>

#include "apps/keyfob/temp_dir_for_test.hpp"

namespace keyfob::cli {
namespace {

struct Everything {
  std::vector<std::string> objects;
  std::vector<std::size_t> numbers;
  std::vector<std::size_t> bad;
};

Everything read_all(ImportReader& reader, std::size_t batch) {
  Everything all;
  for (;;) {
    auto next = reader.next(batch);
    EXPECT_TRUE(next);
    if (!next || (next->good.empty() && next->bad.empty())) return all;
    for (const auto& line : next->good) {
      all.objects.emplace_back(line.object);
      all.numbers.push_back(line.number);
    }
    for (const auto& line : next->bad) all.bad.push_back(line.number);
  }
}

Everything read_text(std::string_view text, ImportFormat format, std::size_t batch = 1000) {
  const test::TempDir dir;
  auto reader = ImportReader::open(dir.write("file", text).string(), format);
  EXPECT_TRUE(reader);
  return reader ? read_all(*reader, batch) : Everything{};
}

TEST(ImportReader, PassesJsonLinesOnAndNumbersThem) {
  const auto all = read_text("{\"user\":\"a\"}\n\nnonsense\r\n  {\"user\":\"b\"}", ImportFormat::jsonl);
  EXPECT_EQ(all.objects, (std::vector<std::string>{"{\"user\":\"a\"}", "  {\"user\":\"b\"}"}));
  EXPECT_EQ(all.numbers, (std::vector<std::size_t>{1, 4}));
  EXPECT_EQ(all.bad, (std::vector<std::size_t>{3}));
}

TEST(ImportReader, MakesObjectsOfCsv) {
  const auto all = read_text(
      "user,vehicles,access_token,refresh_token,expires_in\n"
      "u1,v1 v2,at,\"r\"\"t\",7200\n"
      "u2,,at,rt,soon\n"
      "u3,v3;v4,at,rt,60\r\n"
      "u4,v5,at\n",
      ImportFormat::csv);
  ASSERT_EQ(all.objects.size(), 2U);
  EXPECT_EQ(all.objects[0],
            R"({"user":"u1","vehicles":["v1","v2"],"access_token":"at","refresh_token":"r\"t","expires_in":7200})");
  EXPECT_EQ(all.objects[1],
            R"({"user":"u3","vehicles":["v3","v4"],"access_token":"at","refresh_token":"rt","expires_in":60})");
  EXPECT_EQ(all.bad, (std::vector<std::size_t>{3, 5}));
}

TEST(ImportReader, ReadsInSmallBatchesAcrossItsBuffer) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "{\"user\":\"" + std::to_string(i) + std::string(50, 'x') + "\"}\n";
  const auto all = read_text(text, ImportFormat::jsonl, 7);
  ASSERT_EQ(all.objects.size(), 5000U);
  EXPECT_EQ(all.numbers.back(), 5000U);
  EXPECT_EQ(all.objects.back(), "{\"user\":\"4999" + std::string(50, 'x') + "\"}");
}

TEST(ImportReader, RefusesCsvWithoutKnownHeadings) {
  const test::TempDir dir;
  const auto file = dir.write("file.csv", "u1,v1,at,rt,7200\n").string();
  EXPECT_EQ(ImportReader::open(file, ImportFormat::csv).error().code, ErrorCode::invalid_argument);
}

TEST(ImportReader, RefusesALineBeyondItsLimit) {
  const test::TempDir dir;
  auto reader = ImportReader::open(dir.write("file", std::string(3U << 20U, 'x')).string(), ImportFormat::jsonl);
  ASSERT_TRUE(reader);
  EXPECT_EQ(reader->next(10).error().code, ErrorCode::limit);
}

TEST(SplitCsv, FollowsRfc4180) {
  const auto fields = split_csv("a,\"b,\"\"c\"\"\",,d");
  ASSERT_TRUE(fields);
  ASSERT_EQ(fields->size(), 4U);
  EXPECT_EQ((*fields)[1], "b,\"c\"");
  EXPECT_EQ((*fields)[2], "");
  EXPECT_FALSE(split_csv("a,\"b"));
  EXPECT_FALSE(split_csv("a,b\"c"));
  EXPECT_FALSE(split_csv("\"a\"b,c"));
}

}  // namespace
}  // namespace keyfob::cli
