#pragma once
// ImportReader: grants to import, out of a file of JSON lines or CSV, a batch at a time. Each becomes the JSON object
// that POST /v1/grants takes. Constant memory; what held tokens is wiped.
//
// JSON lines: one object per line. CSV (RFC 4180): a heading line names the columns, any of user, vehicles,
// access_token, refresh_token, expires_in, scope, provider_user; vehicles and scope are separated by spaces or ';'.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/wiped_string.hpp"

namespace keyfob::cli {

enum class ImportFormat : std::uint8_t { jsonl, csv };

struct ImportLine {
  std::size_t number = 0;  ///< in the file, from 1
  WipedString object;
};
struct BadLine {
  std::size_t number = 0;
  std::string reason;  ///< never holds a value of the line
};
struct ImportBatch {
  std::vector<ImportLine> good;
  std::vector<BadLine> bad;
};

class ImportReader {
 public:
  /// "-" is stdin. not_found, forbidden: the file. invalid_argument: a CSV without usable headings.
  [[nodiscard]] static Result<ImportReader> open(const std::string& path, ImportFormat format);
  ImportReader(ImportReader&& other) noexcept;
  ImportReader& operator=(ImportReader&&) = delete;
  ~ImportReader();

  /// The next lines, at most `limit` and not many more than 16 MiB; empty lines are skipped. Nothing in it: the end.
  /// limit: a line beyond 1 MiB.
  [[nodiscard]] Result<ImportBatch> next(std::size_t limit);

  [[nodiscard]] std::uint64_t bytes_read() const { return bytes_read_; }
  [[nodiscard]] std::uint64_t bytes_total() const { return bytes_total_; }  ///< 0: not known

 private:
  ImportReader(int fd, ImportFormat format) : fd_(fd), format_(format) {}
  Result<void> read_headings();
  Result<bool> read_line(WipedString& line);
  Result<bool> read_record(WipedString& record);
  void take(std::size_t number, const WipedString& record, ImportBatch& batch) const;

  int fd_;
  ImportFormat format_;
  std::uint64_t bytes_total_ = 0;
  std::uint64_t bytes_read_ = 0;
  std::size_t line_number_ = 0;
  std::size_t begin_ = 0;  // of what buffer_ holds and nobody has taken yet
  bool at_end_ = false;
  WipedString buffer_;
  std::vector<std::string> headings_;
};

/// The fields of one CSV record. Empty: a quote is not closed, or stands where none may.
[[nodiscard]] std::optional<std::vector<WipedString>> split_csv(std::string_view record);

}  // namespace keyfob::cli
