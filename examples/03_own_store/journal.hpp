#pragma once
// Journal: a RowStore in one file that is only ever appended to. A real service would put the rows into the database
// that it has: two columns and a number, in one transaction.
//
// A batch is one record: "BATCH number bytes checksum" on a line, then its writes: "PUT key-bytes value-bytes" or
// "DROP key-bytes" on a line, then those bytes. A record that was cut off by a crash was never acknowledged; it is cut
// away.

#include <keyfob/store.hpp>

#include <map>
#include <string>

class Journal final : public keyfob::RowStore {
 public:
  explicit Journal(std::string file) : file_(std::move(file)) {}
  keyfob::Expected<keyfob::StoredRows> load() override;
  keyfob::Expected<void> apply(const keyfob::RowBatch& batch) override;

  bool full = false;  ///< to see what happens then

 private:
  bool take_record(const std::string& text, std::size_t& at);
  bool append(const std::string& record);

  std::string file_;
  std::uint64_t last_batch_ = 0;
  std::map<std::string, std::string> rows_;
};
