// fuzz: apps/keyfob/import_reader.cpp base fmt::fmt Boost::json

// Files of grants to import. First byte: 'c' CSV, else JSON lines. Lines keep their numbers, and what CSV gives is
// JSON.

#include <sys/mman.h>
#include <unistd.h>

#include <boost/json.hpp>

#include "apps/keyfob/import_reader.hpp"
#include "tests/fuzz/fields.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace keyfob;
using namespace keyfob::cli;

/// A file in memory; a path leads to it.
class File {
 public:
  explicit File(std::string_view content) : fd_(::memfd_create("import", MFD_CLOEXEC)) {
    CHECK(fd_ >= 0 && ::write(fd_, content.data(), content.size()) == static_cast<ssize_t>(content.size()));
  }
  ~File() { ::close(fd_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

bool is_object(std::string_view text) {
  boost::json::parse_options options;
  options.allow_invalid_utf8 = true;
  boost::system::error_code failure;
  const auto value = boost::json::parse(text, failure, {}, options);
  return !failure && value.is_object();
}

/// Written again with every field quoted, a record is cut into the same fields.
void expect_stable(std::string_view record) {
  const auto fields = split_csv(record);
  if (!fields) return;
  std::string again;
  for (const auto& field : *fields) {
    again += again.empty() ? "\"" : ",\"";
    for (const char c : field) again += c == '"' ? std::string(2, '"') : std::string(1, c);
    again += '"';
  }
  CHECK(split_csv(again) == fields);
}

}  // namespace

FUZZ(input) {
  if (input.empty()) return;
  const ImportFormat format = input.front() == 'c' ? ImportFormat::csv : ImportFormat::jsonl;
  input.remove_prefix(1);
  expect_stable(input.substr(0, input.find('\n')));
  const File file(input);
  auto reader = ImportReader::open(file.path(), format);
  if (!reader) return;
  std::size_t last = 0;
  for (;;) {
    const auto batch = reader->next(3);
    if (!batch || (batch->good.empty() && batch->bad.empty())) break;
    std::size_t most = last;
    for (const ImportLine& line : batch->good) {
      CHECK(line.number > last);
      most = std::max(most, line.number);
      if (format == ImportFormat::csv) CHECK(is_object(line.object));
    }
    for (const BadLine& line : batch->bad) {
      CHECK(line.number > last && !line.reason.empty());
      most = std::max(most, line.number);
    }
    last = most;
  }
  CHECK(reader->bytes_read() <= input.size());
}
