#include "apps/keyfob/import_reader.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace keyfob::cli {
namespace {

constexpr std::size_t kLongestLine = 1UL << 20U;
constexpr std::size_t kBatchBytes = 16UL << 20U;
constexpr std::size_t kReadSize = 64UL << 10U;
constexpr std::array<std::string_view, 7> kColumns = {"user",       "vehicles", "access_token", "refresh_token",
                                                      "expires_in", "scope",    "provider_user"};

std::string_view without_line_end(std::string_view text) {
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

void append_quoted(WipedString& out, std::string_view value) {
  out += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20U) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  out += '"';
}

void append_list(WipedString& out, std::string_view words) {
  out += '[';
  bool first = true;
  while (!words.empty()) {
    const auto word = words.substr(0, words.find_first_of(" ;"));
    words.remove_prefix(std::min(words.size(), word.size() + 1));
    if (word.empty()) continue;
    if (!first) out += ',';
    append_quoted(out, word);
    first = false;
  }
  out += ']';
}

/// Empty: the value cannot stand in this column.
std::string_view append_member(WipedString& out, const std::string& column, std::string_view value) {
  out += out.size() > 1 ? "," : "";
  append_quoted(out, column);
  out += ':';
  if (column == "vehicles") {
    append_list(out, value);
  } else if (column == "expires_in") {
    long long number = 0;
    const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (failure != std::errc() || end != value.data() + value.size()) return "expires_in is not a number of seconds";
    out += std::to_string(number);
  } else {
    append_quoted(out, value);
  }
  return {};
}

std::string_view object_from_csv(std::string_view record, const std::vector<std::string>& headings, WipedString& out) {
  const auto fields = split_csv(record);
  if (!fields) return "a quote is not closed or stands where none may";
  if (fields->size() != headings.size()) return "it has not as many fields as the heading line";
  out += '{';
  for (std::size_t i = 0; i < headings.size(); ++i) {
    if ((*fields)[i].empty()) continue;
    if (const auto wrong = append_member(out, headings[i], (*fields)[i]); !wrong.empty()) return wrong;
  }
  out += '}';
  return {};
}

/// The API reads the line whole; here only what would make its numbering of lines doubtful.
std::string_view check_json_object(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  return line.starts_with('{') ? std::string_view() : "it is not a JSON object";
}

}  // namespace

std::optional<std::vector<WipedString>> split_csv(std::string_view record) {
  std::vector<WipedString> fields;
  fields.push_back(wiped_string());
  bool quoted = false;
  bool closed = false;
  for (std::size_t i = 0; i < record.size(); ++i) {
    const char c = record[i];
    if (quoted && c == '"') {
      closed = !(i + 1 < record.size() && record[i + 1] == '"');
      if (!closed) fields.back() += record[++i];
      quoted = !closed;
    } else if (quoted) {
      fields.back() += c;
    } else if (c == ',') {
      fields.push_back(wiped_string());
      closed = false;
    } else if (c == '"' && fields.back().empty() && !closed) {
      quoted = true;
    } else if (c == '"' || closed) {
      return std::nullopt;
    } else {
      fields.back() += c;
    }
  }
  if (quoted) return std::nullopt;
  return fields;
}

ImportReader::ImportReader(ImportReader&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      format_(other.format_),
      bytes_total_(other.bytes_total_),
      bytes_read_(other.bytes_read_),
      line_number_(other.line_number_),
      begin_(other.begin_),
      at_end_(other.at_end_),
      buffer_(std::move(other.buffer_)),
      headings_(std::move(other.headings_)) {}

ImportReader::~ImportReader() {
  if (fd_ > STDERR_FILENO) ::close(fd_);
}

Result<ImportReader> ImportReader::open(const std::string& path, ImportFormat format) {
  const int fd = path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return fail(errno == EACCES ? ErrorCode::forbidden : ErrorCode::not_found,
                fmt::format("cannot open {}: {}", path, std::strerror(errno)),
                "name a file of JSON lines or CSV, or -");
  ImportReader reader(fd, format);
  struct stat about{};
  if (::fstat(fd, &about) == 0 && S_ISREG(about.st_mode))
    reader.bytes_total_ = static_cast<std::uint64_t>(about.st_size);
  if (format == ImportFormat::csv)
    if (auto headings = reader.read_headings(); !headings) return fail(headings.error());
  return reader;
}

Result<void> ImportReader::read_headings() {
  auto line = wiped_string();
  auto more = read_record(line);
  if (!more) return fail(more.error());
  const auto fields = split_csv(line);
  const bool known = fields && std::ranges::all_of(*fields, [](const WipedString& f) {
                       return std::ranges::find(kColumns, std::string_view(f)) != kColumns.end();
                     });
  if (!*more || !known)
    return fail(ErrorCode::invalid_argument, "line 1 of the CSV does not name its columns",
                fmt::format("it may name: {}", fmt::join(kColumns, ",")));
  for (const auto& field : *fields) headings_.emplace_back(field);
  return {};
}

Result<bool> ImportReader::read_line(WipedString& line) {
  for (;;) {
    const auto end = std::string_view(buffer_).find('\n', begin_);
    if (end != std::string_view::npos || (at_end_ && begin_ < buffer_.size())) {
      const auto stop = std::min(end, buffer_.size());
      line.append(without_line_end(std::string_view(buffer_).substr(begin_, stop - begin_)));
      begin_ = std::min(stop + 1, buffer_.size());
      ++line_number_;
      return true;
    }
    if (at_end_) return false;
    buffer_.erase(0, begin_);
    begin_ = 0;
    if (buffer_.size() > kLongestLine)
      return fail(ErrorCode::limit, fmt::format("line {} is longer than 1 MiB", line_number_ + 1),
                  "is this the right file?");
    const auto before = buffer_.size();
    buffer_.resize(before + kReadSize);
    ssize_t n = ::read(fd_, buffer_.data() + before, kReadSize);
    while (n < 0 && errno == EINTR) n = ::read(fd_, buffer_.data() + before, kReadSize);
    if (n < 0) return fail(ErrorCode::unavailable, fmt::format("cannot read the file: {}", std::strerror(errno)));
    buffer_.resize(before + static_cast<std::size_t>(n));
    bytes_read_ += static_cast<std::uint64_t>(n);
    at_end_ = n == 0;
  }
}

/// A CSV record goes on over line breaks while a quote is open.
Result<bool> ImportReader::read_record(WipedString& record) {
  auto more = read_line(record);
  while (more && *more && format_ == ImportFormat::csv && std::ranges::count(record, '"') % 2 == 1) {
    if (record.size() > kLongestLine) return fail(ErrorCode::limit, "a CSV record is longer than 1 MiB");
    record += '\n';
    more = read_line(record);
    if (more && !*more) return true;
  }
  return more;
}

void ImportReader::take(std::size_t number, const WipedString& record, ImportBatch& batch) const {
  ImportLine line{number, wiped_string({}, record.size() + 128)};
  std::string_view wrong;
  if (format_ == ImportFormat::csv) {
    wrong = object_from_csv(record, headings_, line.object);
  } else {
    wrong = check_json_object(record);
    line.object.append(record);
  }
  if (wrong.empty()) {
    batch.good.push_back(std::move(line));
  } else {
    batch.bad.push_back({number, std::string(wrong)});
  }
}

Result<ImportBatch> ImportReader::next(std::size_t limit) {
  ImportBatch batch;
  std::size_t bytes = 0;
  while (batch.good.size() + batch.bad.size() < limit && bytes < kBatchBytes) {
    auto record = wiped_string({}, 1024);
    const std::size_t number = line_number_ + 1;
    auto more = read_record(record);
    if (!more) return fail(more.error());
    if (!*more) break;
    if (std::string_view(record).find_first_not_of(" \t") == std::string_view::npos) continue;
    take(number, record, batch);
    bytes += record.size();
  }
  return batch;
}

}  // namespace keyfob::cli
