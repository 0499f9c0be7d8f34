#include "audit/counts_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <functional>
#include <set>
#include <string>
#include <utility>

namespace keyfob::audit {
namespace {

constexpr std::array<char, 8> kMagic = {'K', 'F', 'c', 'o', 'u', 'n', 't', '1'};
constexpr std::size_t kHeaderSize = 4096;
constexpr std::size_t kMostSlots = 1UL << 24U;
constexpr std::size_t journal_after(std::size_t slots) { return kHeaderSize + slots * sizeof(TallySlot); }
constexpr std::size_t kFewestSlots = 1UL << 14U;
constexpr std::size_t kShareOfRoom = 8;  ///< one part in so many of what is free on the disk
constexpr std::size_t kLongestJournal = (64UL << 20U) / sizeof(TallySlot);

struct Header {
  std::array<char, 8> magic = kMagic;
  std::uint32_t slots = 0;
  std::uint32_t slot_size = sizeof(TallySlot);
  std::uint64_t durable = 0;
  std::uint64_t released = 0;  // of the journal's counts, from its beginning
};

struct Names {
  std::string_view actor, app, object;
};
/// The key's names as far as a slot has room for them.
Names fitted(const TallyKey& key) {
  Names names;
  names.actor = key.actor.substr(0, TallySlot::kText / 2);
  names.app = key.app.substr(0, TallySlot::kText / 4);
  names.object = key.object.substr(0, TallySlot::kText - names.actor.size() - names.app.size());
  return names;
}

std::unexpected<Error> refused(const std::filesystem::path& path, const char* what) {
  return fail(ErrorCode::unavailable, std::string(what) + " " + path.string() + ": " + std::strerror(errno));
}

class OpenFile {
 public:
  explicit OpenFile(int fd) : fd_(fd) {}
  ~OpenFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

bool write_all(int fd, ByteView bytes, std::uint64_t at) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(n));
    at += static_cast<std::uint64_t>(n);
  }
  return true;
}

/// A file as it stands, mapped: of one that is mostly holes, the holes are never read.
class MappedFile {
 public:
  explicit MappedFile(int fd) {
    struct stat about{};
    if (::fstat(fd, &about) != 0 || about.st_size == 0) return;
    size_ = static_cast<std::size_t>(about.st_size);
    memory_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd, 0);
    if (memory_ == MAP_FAILED) return;
    for (off_t at = 0;;) {
      const off_t begin = ::lseek(fd, at, SEEK_DATA);
      if (begin < 0) break;
      at = ::lseek(fd, begin, SEEK_HOLE);
      data_.push_back({static_cast<std::size_t>(begin), at < 0 ? size_ : static_cast<std::size_t>(at)});
      if (at < 0) break;
    }
  }
  ~MappedFile() {
    if (memory_ != MAP_FAILED) ::munmap(memory_, size_);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  [[nodiscard]] bool good() const { return size_ == 0 || memory_ != MAP_FAILED; }
  [[nodiscard]] ByteView bytes() const {
    if (size_ == 0) return {};
    return {static_cast<const std::uint8_t*>(memory_), size_};
  }
  [[nodiscard]] std::span<const Extent> data() const { return data_; }

 private:
  void* memory_ = MAP_FAILED;
  std::size_t size_ = 0;
  std::vector<Extent> data_;
};

ByteView bytes_of(std::span<const TallySlot> slots) {
  return {reinterpret_cast<const std::uint8_t*>(slots.data()), slots.size_bytes()};
}

TallySlot slot_at(ByteView file, std::size_t at) {
  TallySlot slot;
  std::memcpy(&slot, file.data() + at, sizeof slot);
  return slot;
}

/// Same names, minute and kind come to the same hash in every process of this build only; a file is read by the program
/// that wrote it or by a later one, so the hash has to be ours.
std::uint64_t hash_text(std::uint64_t hash, std::string_view text) {
  for (const char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3ULL;
  return hash * 0x9E3779B97F4A7C15ULL + text.size();
}

}  // namespace

std::uint64_t TallySlot::hash_of(const TallyKey& key, std::int64_t minute) {
  const Names names = fitted(key);
  std::uint64_t h = hash_text(0xcbf29ce484222325ULL, names.actor);
  h = hash_text(h, names.object);
  h = hash_text(h, names.app);
  h ^= static_cast<std::uint64_t>(minute) * 31 + static_cast<std::uint64_t>(key.kind);
  h *= 0xC2B2AE3D27D4EB4FULL;
  return (h ^ (h >> 29U)) | 1U;
}

TallyKey TallySlot::key() const {
  const std::string_view all(text.data(), text.size());
  return {kind, all.substr(0, actor), all.substr(actor, app), all.substr(std::size_t{actor} + app, object)};
}

bool TallySlot::is_for(std::uint64_t wanted, const TallyKey& asked, std::int64_t at) const {
  if (hash != wanted || kind != asked.kind || minute != at) return false;
  const Names names = fitted(asked);
  const TallyKey own = key();
  return own.actor == names.actor && own.app == names.app && own.object == names.object;
}

void TallySlot::take(const TallyKey& asked, std::int64_t at) {
  const Names names = fitted(asked);
  minute = at;
  kind = asked.kind;
  unused = 0;
  actor = static_cast<std::uint8_t>(names.actor.size());
  app = static_cast<std::uint8_t>(names.app.size());
  object = static_cast<std::uint8_t>(names.object.size());
  char* out = text.data();
  for (const std::string_view name : {names.actor, names.app, names.object}) {
    if (!name.empty()) std::memcpy(out, name.data(), name.size());
    out += name.size();
  }
}

bool TallySlot::is_sound() const {
  if (kind > TallyKind::refused || std::size_t{actor} + app + object > kText) return false;
  const TallyKey own = key();
  return hash == hash_of(own, minute) && is_for(hash, own, minute);
}

Result<LeftOver> read_counts(ByteView file) {
  const Extent all{0, file.size()};
  return read_counts(file, {&all, 1});
}

Result<LeftOver> read_counts(ByteView file, std::span<const Extent> data) {
  Header found;
  if (file.size() < kHeaderSize) return fail(ErrorCode::damaged, "it is cut short");
  std::memcpy(&found, file.data(), sizeof found);
  const Header expected{};
  if (found.magic != expected.magic || found.slots > kMostSlots || found.slot_size != expected.slot_size) {
    return fail(ErrorCode::damaged, "it is of another kind or version");
  }
  const std::size_t journal = journal_after(found.slots);
  if (file.size() < journal) return fail(ErrorCode::damaged, "it is cut short");
  LeftOver left;
  left.durable = found.durable;
  std::set<std::uint64_t> serials;
  const auto keep = [&left](const TallySlot& slot) {
    if (slot.hash == 0 || slot.count == 0) return;
    slot.is_sound() ? left.counts.push_back(slot) : static_cast<void>(++left.unreadable);
  };
  const std::uint64_t journalled = (file.size() - journal) / sizeof(TallySlot);
  for (std::uint64_t i = std::min(found.released, journalled); i < journalled; ++i) {
    const TallySlot slot = slot_at(file, journal + i * sizeof(TallySlot));
    if (slot.serial != 0) serials.insert(slot.serial);
    keep(slot);
  }
  std::size_t next = 0;
  for (const auto& [begin, end] : data) {
    next = std::max(next, (std::max(begin, kHeaderSize) - kHeaderSize) / sizeof(TallySlot));
    for (; next < found.slots && kHeaderSize + next * sizeof(TallySlot) < end; ++next) {
      const TallySlot slot = slot_at(file, kHeaderSize + next * sizeof(TallySlot));
      if (!serials.contains(slot.serial)) keep(slot);
    }
  }
  return left;
}

namespace {

/// The disk may be the store's, too: on a small one the file is small.
std::uint32_t slots_for(const std::filesystem::path& path) {
  std::size_t slots = CountsFile::kSlots;
  struct statvfs about{};
  if (::statvfs(path.parent_path().c_str(), &about) != 0) return kFewestSlots;
  const std::uint64_t room = std::uint64_t{about.f_bavail} * about.f_frsize / kShareOfRoom;
  while (slots > kFewestSlots && journal_after(slots) > room) slots /= 2;
  return static_cast<std::uint32_t>(slots);
}

Result<int> fill_file(const std::string& fresh, const Header& header, std::span<const TallySlot> journal,
                      const std::filesystem::path& path) {
  OpenFile file(::open(fresh.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.get() < 0) return refused(path, "cannot make");
  const std::size_t end = journal_after(header.slots);
  const int full = ::posix_fallocate(file.get(), 0, static_cast<off_t>(end));
  errno = full;
  if (full != 0) return refused(path, "cannot make");
  const ByteView head(reinterpret_cast<const std::uint8_t*>(&header), sizeof header);
  if (!write_all(file.get(), head, 0) || !write_all(file.get(), bytes_of(journal), end)) {
    return refused(path, "cannot write");
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return refused(path, "cannot make");
  return file.release();
}

/// A new file with what was left over as its journal, in place of the one that is there, at once or not at all.
Result<int> make_file(const std::filesystem::path& path, const Header& header, std::span<const TallySlot> journal) {
  const std::string fresh = path.string() + ".new";
  auto made = fill_file(fresh, header, journal, path);
  if (!made) (void)::unlink(fresh.c_str());
  return made;
}

Result<LeftOver> take_over(const std::filesystem::path& path) {
  const OpenFile file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (file.get() < 0) return errno == ENOENT ? Result<LeftOver>() : refused(path, "cannot open");
  const MappedFile mapped(file.get());
  if (!mapped.good()) return refused(path, "cannot read");
  auto left = read_counts(mapped.bytes(), mapped.data());
  if (left) return left;
  (void)::rename(path.c_str(), (path.string() + ".damaged").c_str());
  return fail(left.error().code, path.string() + ": " + left.error().what);
}

}  // namespace

Result<std::unique_ptr<CountsFile>> CountsFile::open(const std::filesystem::path& path) {
  auto left = take_over(path);
  if (!left) return fail(left.error());
  for (TallySlot& slot : left->counts) slot.serial = 0;
  Header header;
  header.slots = slots_for(path);
  header.durable = left->durable;
  auto fd = make_file(path, header, left->counts);
  if (!fd) return fail(fd.error());
  const std::size_t size = journal_after(header.slots);
  void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
  if (memory == MAP_FAILED) {
    ::close(*fd);
    return refused(path, "cannot map");
  }
  (void)::madvise(memory, size, MADV_DONTDUMP);
  std::unique_ptr<CountsFile> file(new CountsFile(*fd, memory, header.slots));
  file->journalled_ = left->counts.size();
  file->left_over_ = std::move(*left);
  return file;
}

CountsFile::~CountsFile() {
  ::munmap(memory_, journal_after(slots_));
  ::close(fd_);
}

std::span<TallySlot> CountsFile::slots() {
  return {reinterpret_cast<TallySlot*>(static_cast<char*>(memory_) + kHeaderSize), slots_};
}

bool CountsFile::append(std::span<const TallySlot> counts) {
  if (journalled_ + counts.size() > kLongestJournal) return false;
  const std::uint64_t at = journal_after(slots_) + journalled_ * sizeof(TallySlot);
  if (!write_all(fd_, bytes_of(counts), at)) {
    (void)::ftruncate(fd_, static_cast<off_t>(at));
    return false;
  }
  journalled_ += counts.size();
  return true;
}

void CountsFile::release(std::size_t counts) {
  Header& head = *static_cast<Header*>(memory_);
  const std::uint64_t released = head.released + counts;
  std::atomic_ref(head.released).store(released, std::memory_order_release);
  if (released < journalled_) return;
  // Cut first: a journal that is shorter than what was released from it is an empty one.
  if (::ftruncate(fd_, static_cast<off_t>(journal_after(slots_))) != 0) return;
  std::atomic_ref(head.released).store(0, std::memory_order_release);
  journalled_ = 0;
}

void CountsFile::set_durable(std::uint64_t sequence) {
  std::atomic_ref(static_cast<Header*>(memory_)->durable).store(sequence, std::memory_order_release);
}

}  // namespace keyfob::audit
