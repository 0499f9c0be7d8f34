#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>

#include "keys/key_file.hpp"
#include "keys/local_key.hpp"
#include "keys/master_key.hpp"

namespace keyfob::keys {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

MATCHER_P(is_error, code, "") { return !arg.has_value() && arg.error().code == code; }
MATCHER(is_ok, "") { return arg.has_value(); }

template <class T>
T run(Task<T> task) {
  asio::io_context context;
  auto future = asio::co_spawn(context, std::move(task), asio::use_future);
  context.run();
  return future.get();
}

const EnvironmentLookup kNoEnvironment = [](const std::string&) { return std::optional<Secret>(); };

class KeyFileTest : public ::testing::Test {
 public:
  KeyFileTest() {
    std::string pattern = (fs::temp_directory_path() / "keyfob-keys-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~KeyFileTest() override { fs::remove_all(directory_); }

 protected:
  [[nodiscard]] std::string path(const std::string& name = "keyfob.key") const { return (directory_ / name).string(); }
  void write(const std::string& text, mode_t mode = 0600) const {
    std::ofstream(path()) << text;
    ::chmod(path().c_str(), mode);
  }
  fs::path directory_;
};

TEST_F(KeyFileTest, ANewKeyOpensAndHasAFingerprint) {
  ASSERT_THAT(create_key_file(path()), is_ok());
  const auto provider = open_master_key("file:" + path(), kNoEnvironment);
  ASSERT_THAT(provider, is_ok());
  EXPECT_EQ((*provider)->fingerprint().size(), 32U);
  EXPECT_EQ((*open_master_key("file:" + path(), kNoEnvironment))->fingerprint(), (*provider)->fingerprint());
}

TEST_F(KeyFileTest, ANewKeyIsForItsOwnerAloneWhateverTheUmask) {
  const mode_t before = ::umask(0);
  ASSERT_THAT(create_key_file(path()), is_ok());
  ::umask(0777);
  ASSERT_THAT(create_key_file(path("strict.key")), is_ok());
  ::umask(before);
  EXPECT_EQ(fs::status(path()).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(fs::status(path("strict.key")).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(KeyFileTest, TwoKeysAreNotTheSame) {
  ASSERT_THAT(create_key_file(path("a")), is_ok());
  ASSERT_THAT(create_key_file(path("b")), is_ok());
  EXPECT_NE((*open_master_key("file:" + path("a"), kNoEnvironment))->fingerprint(),
            (*open_master_key("file:" + path("b"), kNoEnvironment))->fingerprint());
}

TEST_F(KeyFileTest, AnExistingFileIsNeverOverwritten) {
  write("something precious");
  EXPECT_THAT(create_key_file(path()), is_error(ErrorCode::conflict));
  EXPECT_EQ(reveal_secret(read_key_file(path()).value()), "something precious");
}

TEST_F(KeyFileTest, ALinkIsNotFollowedWhenAKeyIsMade) {
  fs::create_symlink(path("elsewhere"), path());
  EXPECT_THAT(create_key_file(path()), is_error(ErrorCode::conflict));
  EXPECT_FALSE(fs::exists(path("elsewhere")));
}

TEST_F(KeyFileTest, ADirectoryThatIsNotThereIsReported) {
  EXPECT_THAT(create_key_file(path("missing/keyfob.key")), is_error(ErrorCode::unavailable));
}

TEST_F(KeyFileTest, AFullDiskLeavesNoHalfWrittenKey) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit tiny = before;
  tiny.rlim_cur = 10;
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tiny), 0);
  const auto created = create_key_file(path());
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(created, is_error(ErrorCode::unavailable));
  EXPECT_FALSE(fs::exists(path()));
}

TEST_F(KeyFileTest, AMissingKeyIsReportedAndNotMade) {
  const auto opened = open_master_key("file:" + path(), kNoEnvironment);
  ASSERT_THAT(opened, is_error(ErrorCode::not_found));
  EXPECT_THAT(opened.error().what, HasSubstr(path()));
  EXPECT_FALSE(opened.error().hint.empty());
  EXPECT_FALSE(fs::exists(path()));
}

TEST_F(KeyFileTest, AnyBitForGroupOrOthersIsRefusedWithTheCommandThatMendsIt) {
  ASSERT_THAT(create_key_file(path()), is_ok());
  for (const mode_t bit : std::array<mode_t, 6>{S_IRGRP, S_IWGRP, S_IXGRP, S_IROTH, S_IWOTH, S_IXOTH}) {
    ::chmod(path().c_str(), S_IRUSR | S_IWUSR | bit);
    const auto opened = open_master_key("file:" + path(), kNoEnvironment);
    ASSERT_THAT(opened, is_error(ErrorCode::unsafe)) << std::oct << bit;
    EXPECT_EQ(opened.error().hint, "chmod 600 " + path());
  }
  ::chmod(path().c_str(), S_IRUSR);
  EXPECT_THAT(open_master_key("file:" + path(), kNoEnvironment), is_ok()) << "read-only for its owner is fine";
}

TEST_F(KeyFileTest, TheCommandThatMendsQuotesThePath) {
  const std::string odd = path("my 'key'");
  ASSERT_THAT(create_key_file(odd), is_ok());
  ::chmod(odd.c_str(), 0644);
  EXPECT_EQ(read_key_file(odd).error().hint, "chmod 600 '" + path("my '\\''key'\\''") + "'");
}

TEST_F(KeyFileTest, AFileOfAnotherUserIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to give a file away";
  ASSERT_THAT(create_key_file(path()), is_ok());
  ASSERT_EQ(::chown(path().c_str(), 12345, 12345), 0);
  EXPECT_THAT(read_key_file(path()), is_error(ErrorCode::unsafe));
}

TEST_F(KeyFileTest, OnlyARegularFileIsAKeyFile) {
  EXPECT_THAT(read_key_file(directory_.string()), is_error(ErrorCode::invalid_argument));
  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
  EXPECT_THAT(read_key_file(path()), is_error(ErrorCode::invalid_argument)) << "and a pipe does not hang";
}

TEST_F(KeyFileTest, WhatIsNoKeyIsRefusedWithoutRepeatingIt) {
  const std::string good(reveal_secret(new_key_text()));
  const std::string line = good.substr(0, good.size() - 1);
  for (const std::string& text :
       {std::string(), std::string("hunter2"), line.substr(0, line.size() - 1), line.substr(0, line.size() - 4),
        line + "AAAA", "x" + line, std::string("keyfob-master-key-2 ") + line.substr(20), std::string(5000, 'A')}) {
    write(text);
    const auto opened = open_master_key("file:" + path(), kNoEnvironment);
    ASSERT_THAT(opened, is_error(ErrorCode::damaged)) << text;
    EXPECT_TRUE(text.empty() || !(opened.error().what + opened.error().hint).contains(text));
  }
}

TEST(MasterKeyReference, TakesAKeyOutOfTheEnvironment) {
  const Secret text = new_key_text();
  const EnvironmentLookup environment = [&](const std::string& name) {
    return name == "KEYFOB_MASTER_KEY" ? std::optional<Secret>(text) : std::nullopt;
  };
  const auto provider = open_master_key("env:KEYFOB_MASTER_KEY", environment);
  ASSERT_THAT(provider, is_ok());
  EXPECT_EQ((*provider)->fingerprint(), (*LocalKeyProvider::from_text(text))->fingerprint());
  EXPECT_THAT(open_master_key("env:OTHER", environment), is_error(ErrorCode::not_found));
}

TEST(MasterKeyReference, RefusesUnknownKinds) {
  for (const char* reference : {"", "keyfob.key", "file:", "env:", "vault:x"}) {
    EXPECT_THAT(open_master_key(reference, kNoEnvironment), is_error(ErrorCode::invalid_argument)) << reference;
  }
}

class WrapTest : public ::testing::Test {
 protected:
  Result<Bytes> wrap(const Bytes& context) { return run(provider_->wrap(key_, context)); }
  Result<Secret> unwrap(const Bytes& wrapped, const Bytes& context) { return run(provider_->unwrap(wrapped, context)); }
  std::unique_ptr<LocalKeyProvider> provider_ = LocalKeyProvider::from_text(new_key_text()).value();
  Secret key_{std::string(32, 'k')};
  Bytes context_ = to_bytes("app 1, key 1");
};

TEST_F(WrapTest, UnwrapsWhatItWrapped) { EXPECT_EQ(unwrap(wrap(context_).value(), context_).value(), key_); }

TEST_F(WrapTest, NeverWrapsTwiceAlike) { EXPECT_NE(wrap(context_).value(), wrap(context_).value()); }

TEST_F(WrapTest, RefusesAnotherContext) {
  EXPECT_THAT(unwrap(wrap(context_).value(), to_bytes("app 2, key 1")), is_error(ErrorCode::damaged));
}

TEST_F(WrapTest, RefusesAnotherMasterKey) {
  const Bytes wrapped = wrap(context_).value();
  provider_ = LocalKeyProvider::from_text(new_key_text()).value();
  EXPECT_THAT(unwrap(wrapped, context_), is_error(ErrorCode::damaged));
}

TEST_F(WrapTest, RefusesEveryFlippedBitAndEveryTruncation) {
  const Bytes wrapped = wrap(context_).value();
  for (std::size_t bit = 0; bit < wrapped.size() * 8; ++bit) {
    Bytes forged = wrapped;
    forged[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_THAT(unwrap(forged, context_), is_error(ErrorCode::damaged)) << "bit " << bit;
  }
  for (std::size_t size = 0; size < wrapped.size(); ++size) {
    const Bytes cut(wrapped.begin(), wrapped.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_THAT(unwrap(cut, context_), is_error(ErrorCode::damaged)) << "cut to " << size;
  }
}

TEST_F(WrapTest, ReadsTheWorkedExampleOfTheSpecification) {
  std::map<std::string, std::string> values;
  std::ifstream document(KEYFOB_SPEC);
  for (std::string line; std::getline(document, line);) {
    const auto at = line.find(" = ");
    if (at != std::string::npos) values[line.substr(0, at)] = line.substr(at + 3);
  }
  provider_ = LocalKeyProvider::from_text(Secret(values.at("key_file"))).value();
  EXPECT_EQ(provider_->fingerprint(), values.at("fingerprint"));
  const auto hex = [&](const std::string& name) { return from_hex(values.at(name)).value_or(Bytes{}); };
  const Secret key = unwrap(hex("wrapped"), hex("wrap_context")).value();
  EXPECT_EQ(key, Secret(as_text(hex("data_key"))));
}

}  // namespace
}  // namespace keyfob::keys
