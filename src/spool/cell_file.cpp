#include "spool/cell_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>

#include "spool/record.hpp"

namespace keyfob::spool {
namespace {

constexpr std::string_view kMagic = "KFspool1";
constexpr std::size_t kHeaderBlock = 4096;  // cells begin on a page
constexpr std::size_t kHeaderBytes = 20;    // magic 8, cells 4, cell size 4, checksum 4

std::unexpected<Error> system_failure(const std::string& what) {
  return fail(ErrorCode::unavailable, what + ": " + std::generic_category().message(errno));
}

void put_number(Bytes& out, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

std::uint32_t number_at(ByteView bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value |= static_cast<std::uint32_t>(bytes[at + i]) << (8 * i);
  return value;
}

Bytes header_of(Geometry geometry) {
  Bytes header = to_bytes(kMagic);
  put_number(header, geometry.cells);
  put_number(header, geometry.cell_size);
  put_number(header, crc32c(header));
  return header;
}

off_t offset_of(Geometry geometry, std::uint32_t cell) {
  return static_cast<off_t>(kHeaderBlock + std::size_t{cell} * geometry.cell_size);
}

bool write_all(int file, ByteView bytes, off_t offset) {
  while (!bytes.empty()) {
    const auto written = ::pwrite(file, bytes.data(), bytes.size(), offset);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    offset += written;
  }
  return true;
}

bool read_all(int file, std::span<std::uint8_t> bytes, off_t offset) {
  while (!bytes.empty()) {
    const auto got = ::pread(file, bytes.data(), bytes.size(), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(got));
    offset += got;
  }
  return true;
}

bool sync_folder(const std::string& folder) {
  const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return false;
  const bool synced = ::fsync(file) == 0;
  ::close(file);
  return synced;
}

// Zeros are written, not only reserved: a reserved block would still need metadata when it is first used.
bool fill(int file, Geometry geometry) {
  const off_t size = offset_of(geometry, geometry.cells);
  if (const int error = ::posix_fallocate(file, 0, size); error != 0) {
    errno = error;
    return false;
  }
  const Bytes zeros(geometry.cell_size);
  for (std::uint32_t cell = 0; cell < geometry.cells; ++cell) {
    if (!write_all(file, zeros, offset_of(geometry, cell))) return false;
  }
  Bytes header = header_of(geometry);
  header.resize(kHeaderBlock);
  return write_all(file, header, 0) && ::fsync(file) == 0;
}

// Under another name until it is whole, so that a crash leaves no half-made spool.
Result<void> make(const std::string& folder, const std::string& path, Geometry geometry) {
  const std::string unfinished = path + ".new";
  ::unlink(unfinished.c_str());
  const int file = ::open(unfinished.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return system_failure("cannot make the spool " + unfinished);
  const bool filled = fill(file, geometry);
  const int error = errno;
  ::close(file);
  errno = error;
  if (!filled || ::rename(unfinished.c_str(), path.c_str()) != 0 || !sync_folder(folder)) {
    auto failure = system_failure("cannot make the spool " + path);
    ::unlink(unfinished.c_str());
    return failure;
  }
  return {};
}

Result<Geometry> read_geometry(int file, const std::string& path, const struct stat& found) {
  Bytes header(kHeaderBytes);
  const auto damaged = [&](const char* why) {
    return fail(ErrorCode::damaged, "the spool " + path + " " + why,
                "keep the file: it may hold pairs that the store lacks");
  };
  if (!read_all(file, header, 0)) return damaged("has no header");
  const Geometry geometry{number_at(header, 8), number_at(header, 12)};
  if (header != header_of(geometry) || geometry.cell_size == 0) return damaged("has a header that does not verify");
  if (found.st_size < offset_of(geometry, geometry.cells)) return damaged("was cut short");
  return geometry;
}

}  // namespace

Result<CellFile> CellFile::open(const std::string& folder, Geometry wanted) {
  const std::string path = folder + "/spool";
  if (::access(path.c_str(), F_OK) != 0) {
    if (auto made = make(folder, path, wanted); !made) return fail(std::move(made.error()));
  }
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0) return system_failure("cannot open the spool " + path);
  CellFile opened(file, {});
  struct stat found{};
  if (::fstat(file, &found) != 0) return system_failure("cannot look at the spool " + path);
  if ((found.st_mode & 077) != 0) {
    return fail(ErrorCode::unsafe, path + " can be opened by other users", "chmod 600 " + path);
  }
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    return fail(ErrorCode::conflict, "another process uses the spool " + path, "two nodes never share a state folder");
  }
  auto geometry = read_geometry(file, path, found);
  if (!geometry) return fail(std::move(geometry.error()));
  opened.geometry_ = *geometry;
  return opened;
}

CellFile::CellFile(CellFile&& other) noexcept : file_(std::exchange(other.file_, -1)), geometry_(other.geometry_) {}

CellFile& CellFile::operator=(CellFile&& other) noexcept {
  std::swap(file_, other.file_);
  std::swap(geometry_, other.geometry_);
  return *this;
}

CellFile::~CellFile() {
  if (file_ >= 0) ::close(file_);
}

Result<Bytes> CellFile::read(std::uint32_t cell) const {
  Bytes bytes(geometry_.cell_size);
  if (!read_all(file_, bytes, offset_of(geometry_, cell))) return system_failure("cannot read the spool");
  return bytes;
}

Result<void> CellFile::write(std::uint32_t cell, ByteView bytes) const {
  if (!write_all(file_, bytes, offset_of(geometry_, cell))) return system_failure("cannot write to the spool");
  return {};
}

Result<void> CellFile::erase(std::uint32_t cell) const { return write(cell, erased_cell(geometry_.cell_size)); }

Result<void> CellFile::sync() const {
  if (::fdatasync(file_) != 0) return system_failure("cannot sync the spool");
  return {};
}

}  // namespace keyfob::spool
