#include "journal.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace {

std::uint64_t checksum(const std::string& text) {  // FNV-1a
  std::uint64_t sum = 14695981039346656037ULL;
  for (const char c : text) sum = (sum ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return sum;
}

keyfob::Failure failure(keyfob::Reason reason, const std::string& what) {
  return {.reason = reason, .what = what, .hint = {}, .retry_after = {}, .grant = {}, .user = {}};
}

std::string body_of(const keyfob::RowBatch& batch) {
  std::string body;
  for (const auto& write : batch.writes) {
    const std::string key_size = std::to_string(write.key.size());
    if (write.value)
      body += "PUT " + key_size + ' ' + std::to_string(write.value->size()) + '\n' + write.key + *write.value;
    else
      body += "DROP " + key_size + '\n' + write.key;
  }
  return body;
}

void carry_out(const std::string& body, std::map<std::string, std::string>& rows) {
  std::istringstream in(body);
  const auto take = [&in](std::size_t size) {
    std::string text(size, '\0');
    in.read(text.data(), static_cast<std::streamsize>(size));
    return text;
  };
  std::string what;
  std::size_t key_size = 0;
  std::size_t value_size = 0;
  while (in >> what >> key_size) {
    if (what == "PUT") in >> value_size;
    in.ignore();  // the end of the line
    const std::string key = take(key_size);
    if (what == "PUT")
      rows[key] = take(value_size);
    else
      rows.erase(key);
  }
}

}  // namespace

bool Journal::take_record(const std::string& text, std::size_t& at) {
  std::istringstream head(text.substr(at, 80));
  std::string line;
  std::string word;
  std::uint64_t number = 0;
  std::uint64_t sum = 0;
  std::size_t size = 0;
  if (!std::getline(head, line) || head.eof()) return false;
  if (!(std::istringstream(line) >> word >> number >> size >> sum) || word != "BATCH") return false;
  const std::size_t begin = at + line.size() + 1;
  if (text.size() - begin < size) return false;
  const std::string body = text.substr(begin, size);
  if (checksum(body) != sum || number != last_batch_ + 1) return false;
  carry_out(body, rows_);
  last_batch_ = number;
  at = begin + size;
  return true;
}

keyfob::Expected<keyfob::StoredRows> Journal::load() {
  std::ifstream in(file_, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  rows_.clear();
  last_batch_ = 0;
  std::size_t sound = 0;
  while (take_record(text, sound)) {
  }
  if (sound < text.size()) std::filesystem::resize_file(file_, sound);
  keyfob::StoredRows out{.last_batch = last_batch_, .rows = {}};
  for (const auto& [key, value] : rows_) out.rows.push_back({key, value});
  return out;
}

/// Written and on the disk, or cut away again.
bool Journal::append(const std::string& record) {
  const int file = ::open(file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return false;
  const auto before = ::lseek(file, 0, SEEK_END);
  const bool written = ::write(file, record.data(), record.size()) == static_cast<ssize_t>(record.size());
  const bool durable = written && ::fsync(file) == 0;
  const bool undone = durable || ::ftruncate(file, before) == 0;
  ::close(file);
  return durable && undone;
}

keyfob::Expected<void> Journal::apply(const keyfob::RowBatch& batch) {
  using keyfob::Reason;
  if (batch.number != last_batch_ + 1)
    return std::unexpected(failure(Reason::conflict, "batch " + std::to_string(batch.number) + " does not follow"));
  if (full) return std::unexpected(failure(Reason::unavailable, "the journal is full"));
  const std::string body = body_of(batch);
  const std::string head = "BATCH " + std::to_string(batch.number) + ' ' + std::to_string(body.size()) + ' ' +
                           std::to_string(checksum(body)) + '\n';
  // A failed fsync says nothing about what is on the disk: no word of ours for that, so "not known".
  if (!append(head + body)) return std::unexpected(failure(Reason::timeout, "the journal cannot be written"));
  last_batch_ = batch.number;
  return {};
}
