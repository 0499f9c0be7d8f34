// Master keys behind a program and in a PKCS#11 token (SoftHSM2), for real.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "keys/key_file.hpp"
#include "keys/master_key.hpp"
#include "keys/pkcs11_key.hpp"
#include "keys/program_key.hpp"

namespace keyfob::keys {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr const char* kModule = "/usr/lib/softhsm/libsofthsm2.so";

MATCHER_P(is_error, code, "") {
  if (!arg.has_value()) *result_listener << to_string(arg.error().code) << ": " << arg.error().what;
  return !arg.has_value() && arg.error().code == code;
}
MATCHER(is_ok, "") {
  if (!arg.has_value()) *result_listener << to_string(arg.error().code) << ": " << arg.error().what;
  return arg.has_value();
}

template <class T>
T run(Task<T> task) {
  asio::io_context context;
  auto future = asio::co_spawn(context, std::move(task), asio::use_future);
  context.run();
  return future.get();
}

class Folder : public ::testing::Test {
 public:
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "keyfob-keys-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~Folder() override { fs::remove_all(folder_); }

 protected:
  std::string write(const std::string& name, const std::string& text, mode_t mode) const {
    const std::string path = (folder_ / name).string();
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
    return path;
  }
  fs::path folder_;
  const Secret raw_{std::string_view("0123456789abcdef0123456789abcdef")};
  const Bytes context_ = to_bytes("the context of a data key");
};

// --- a program

class ProgramKeyTest : public Folder {
 protected:
  std::string program(const std::string& wrap, const std::string& unwrap) const {
    return write(
        "kms",
        "#!/bin/sh\ncase $1 in\nidentify) echo test:key-1;;\nwrap) " + wrap + ";;\nunwrap) " + unwrap + ";;\nesac\n",
        0755);
  }
  static constexpr const char* kEcho = "while read -r a b; do [ $a = data ] && echo $b; done; exit 0";
  Result<std::unique_ptr<ProgramKeyProvider>> open(const std::string& wrap, const std::string& unwrap,
                                                   Milliseconds limit = seconds(10)) {
    return ProgramKeyProvider::open(program(wrap, unwrap), limit);
  }
};

TEST_F(ProgramKeyTest, WrapsAndUnwrapsByWhatTheProgramSays) {
  const auto provider = open(kEcho, kEcho);
  ASSERT_THAT(provider, is_ok());
  EXPECT_EQ((*provider)->fingerprint(), "test:key-1");
  const auto wrapped = run((*provider)->wrap(raw_, context_));
  ASSERT_THAT(wrapped, is_ok());
  EXPECT_EQ(run((*provider)->unwrap(*wrapped, context_)).value(), raw_);
}

TEST_F(ProgramKeyTest, GetsTheProtocolOfTheManualAndNothingOfOurEnvironment) {
  ::setenv("KEYFOB_TEST_SECRET", "in our environment", 1);
  const std::string seen = (folder_ / "seen").string();
  const auto provider = open("cat > " + seen + "; env >> " + seen + "; echo AAAA", kEcho);
  ASSERT_THAT(provider, is_ok());
  ASSERT_THAT(run((*provider)->wrap(raw_, context_)), is_ok());
  std::ifstream file(seen);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_THAT(text, ::testing::StartsWith("keyfob-kms 1\ncontext " + to_base64(context_) + "\ndata "));
  EXPECT_THAT(text, HasSubstr("PATH="));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("KEYFOB_TEST_SECRET")));
}

TEST_F(ProgramKeyTest, ExitCodeThreeIsAWrongKeyAndEveryOtherFailureAnOutage) {
  const auto code_of = [&](const std::string& unwrap) {
    const auto provider = open(kEcho, unwrap);
    EXPECT_THAT(provider, is_ok());
    const auto opened = run((*provider)->unwrap(to_bytes("wrapped"), context_));
    return opened ? std::string("success") : std::string(to_string(opened.error().code));
  };
  const std::string outage(to_string(ErrorCode::unavailable));
  EXPECT_EQ(code_of("exit 3"), to_string(ErrorCode::damaged));
  EXPECT_EQ(code_of("exit 1"), outage);
  EXPECT_EQ(code_of("kill -9 $$"), outage);
  EXPECT_EQ(code_of("echo not base64 at all"), outage);
  EXPECT_EQ(code_of("echo AAAA"), outage) << "a data key has 32 bytes";
  EXPECT_EQ(code_of("echo; echo"), outage);
  EXPECT_EQ(code_of(":"), outage);
  EXPECT_EQ(code_of("head -c 200000 /dev/zero"), outage);
  EXPECT_EQ(code_of("exec <&-; exit 1"), outage) << "does not read what it is given";
}

TEST_F(ProgramKeyTest, AProgramThatHangsIsKilledWithItsChildren) {
  const std::string pid = (folder_ / "pid").string();
  const auto provider = open("sleep 300 & echo $! > " + pid + "; wait", kEcho, Milliseconds(400));
  ASSERT_THAT(provider, is_ok());
  const auto began = std::chrono::steady_clock::now();
  EXPECT_THAT(run((*provider)->wrap(raw_, context_)), is_error(ErrorCode::unavailable));
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(20));
  std::ifstream file(pid);
  pid_t child = 0;
  ASSERT_TRUE(file >> child);
  for (int i = 0; i < 500 && ::kill(child, 0) == 0; ++i) {
    // A zombie that its new parent has not collected yet is dead all the same.
    std::ifstream stat("/proc/" + std::to_string(child) + "/stat");
    const std::string line{std::istreambuf_iterator<char>(stat), {}};
    if (line.find(") Z ") != std::string::npos) return;
    ::usleep(10'000);
  }
  EXPECT_NE(::kill(child, 0), 0);
}

TEST_F(ProgramKeyTest, AProgramThatOthersMayChangeIsRefused) {
  const std::string path = program(kEcho, kEcho);
  ::chmod(path.c_str(), 0777);
  EXPECT_THAT(ProgramKeyProvider::open(path), is_error(ErrorCode::unsafe));
  ::chmod(path.c_str(), 0644);
  EXPECT_THAT(ProgramKeyProvider::open(path), is_error(ErrorCode::invalid_argument));
  EXPECT_THAT(ProgramKeyProvider::open((folder_ / "none").string()), is_error(ErrorCode::not_found));
}

TEST_F(ProgramKeyTest, AProgramThatCannotNameItsKeyIsNotUsed) {
  const std::string path = write("kms", "#!/bin/sh\necho 'a name with spaces'\n", 0755);
  EXPECT_THAT(ProgramKeyProvider::open(path), is_error(ErrorCode::unavailable));
}

// --- systemd credentials

TEST_F(Folder, ACredentialIsReadFromWhereSystemdPutsIt) {
  ASSERT_THAT(create_key_file((folder_ / "master").string()), is_ok());
  ::chmod((folder_ / "master").c_str(), 0440);
  const EnvironmentLookup environment = [&](const std::string& name) -> std::optional<Secret> {
    if (name != "CREDENTIALS_DIRECTORY") return std::nullopt;
    return Secret(folder_.string());
  };
  EXPECT_THAT(open_master_key("credential:master", environment), is_ok());
  EXPECT_THAT(open_master_key("credential:other", environment), is_error(ErrorCode::not_found));
  EXPECT_THAT(open_master_key("credential:../x", environment), is_error(ErrorCode::not_found));
  ::chmod((folder_ / "master").c_str(), 0444);
  EXPECT_THAT(open_master_key("credential:master", environment), is_error(ErrorCode::unsafe));
}

// --- PKCS#11

TEST(Pkcs11Uri, IsReadAsRfc7512SaysIt) {
  const auto uri = parse_pkcs11_uri(
      "pkcs11:token=My%20HSM;serial=42;object=master;id=%01%ff;slot-id=7;type=secret-key;x-vendor=1"
      "?module-path=/usr/lib/x.so&pin-source=file:/etc/pin");
  ASSERT_THAT(uri, is_ok());
  EXPECT_EQ(uri->token, "My HSM");
  EXPECT_EQ(uri->serial, "42");
  EXPECT_EQ(uri->object, "master");
  EXPECT_EQ(uri->id, "\x01\xff");
  EXPECT_EQ(uri->slot_id, 7UL);
  EXPECT_EQ(uri->module_path, "/usr/lib/x.so");
  EXPECT_EQ(uri->pin_source, "/etc/pin");
  EXPECT_FALSE(uri->model);
}

TEST(Pkcs11Uri, IsRefusedWithoutRepeatingWhatMayBeAPin) {
  for (const char* uri :
       {"", "pkcs11", "pkcs11:", "pkcs11:token=a", "pkcs11:object=a", "pkcs11:object=a?module-path=x.so",
        "pkcs11:object=a?module-path=/x.so&pin-value=12345", "pkcs11:object=%2?module-path=/x.so",
        "pkcs11:object=%zz?module-path=/x.so", "pkcs11:object=a;object=b?module-path=/x.so",
        "pkcs11:object=a;colour=12345?module-path=/x.so", "pkcs11:object=a;slot-id=x?module-path=/x.so",
        "pkcs11:object=a;type=public?module-path=/x.so", "pkcs11:object=a?module-path=/x.so&pin-source=12345",
        "pkcs11:object a?module-path=/x.so", "pkcs11:object=a b?module-path=/x.so"}) {
    const auto parsed = parse_pkcs11_uri(uri);
    ASSERT_THAT(parsed, is_error(ErrorCode::invalid_argument)) << uri;
    EXPECT_THAT(parsed.error().what + parsed.error().hint, ::testing::Not(HasSubstr("12345")));
  }
}

class SoftHsmTest : public Folder {
 protected:
  void SetUp() override {
    if (!fs::exists(kModule)) GTEST_SKIP() << "softhsm2 is not installed: PKCS#11 is not tested here";
    fs::create_directory(folder_ / "tokens");
    const std::string conf =
        write("softhsm2.conf", "directories.tokendir = " + (folder_ / "tokens").string() + "\n", 0600);
    ::setenv("SOFTHSM2_CONF", conf.c_str(), 1);
    ASSERT_TRUE(shell("softhsm2-util --init-token --free --label keyfob --pin 1234 --so-pin 5678"));
    ASSERT_TRUE(make_key("master", "AES:32"));
    pin_ = write("pin", "1234\n", 0600);
  }
  static bool shell(const std::string& command) { return std::system((command + " >/dev/null 2>&1").c_str()) == 0; }
  static bool make_key(const std::string& label, const std::string& type) {
    return shell(std::string("pkcs11-tool --module ") + kModule +
                 " --token-label keyfob --login --pin 1234 --keygen --key-type " + type + " --sensitive --label " +
                 label);
  }
  std::string uri(const std::string& label = "master") const {
    return "pkcs11:token=keyfob;object=" + label + "?module-path=" + kModule + "&pin-source=file:" + pin_;
  }
  static Result<std::unique_ptr<KeyProvider>> open(const std::string& uri) {
    return open_master_key(uri, [](const std::string&) { return std::optional<Secret>(); });
  }
  std::string pin_;
};

// One test: a module is initialized once in a process and remembers its first configuration.
TEST_F(SoftHsmTest, WrapsInsideTheTokenAndTellsWhatGoesWrong) {
  const auto provider = open(uri());
  ASSERT_THAT(provider, is_ok());
  KeyProvider& master = **provider;
  const Bytes wrapped = run(master.wrap(raw_, context_)).value();
  EXPECT_EQ(wrapped.size(), 1U + 12U + 32U + 16U);
  EXPECT_EQ(run(master.unwrap(wrapped, context_)).value(), raw_);
  EXPECT_NE(run(master.wrap(raw_, context_)).value(), wrapped) << "a fresh nonce each time";
  EXPECT_EQ((*open(uri()))->fingerprint(), master.fingerprint());
  EXPECT_EQ(master.fingerprint().size(), 32U);

  // Wrong context, a flipped bit, cut short: damaged, and the token goes on working.
  EXPECT_THAT(run(master.unwrap(wrapped, to_bytes("another context"))), is_error(ErrorCode::damaged));
  for (std::size_t i = 0; i < wrapped.size(); ++i) {
    Bytes forged = wrapped;
    forged[i] ^= 1U;
    ASSERT_THAT(run(master.unwrap(forged, context_)), is_error(ErrorCode::damaged)) << i;
  }
  EXPECT_THAT(run(master.unwrap(Bytes(wrapped.begin(), wrapped.begin() + 20), context_)), is_error(ErrorCode::damaged));
  EXPECT_EQ(run(master.unwrap(wrapped, context_)).value(), raw_);

  // The key does not come out, whoever asks.
  EXPECT_FALSE(shell(std::string("pkcs11-tool --module ") + kModule +
                     " --token-label keyfob --login --pin 1234 --read-object --type secrkey --label master"));

  // Another key of the same token.
  ASSERT_TRUE(make_key("second", "AES:16"));
  const auto second = open(uri("second"));
  ASSERT_THAT(second, is_ok());
  EXPECT_NE((*second)->fingerprint(), master.fingerprint());
  EXPECT_THAT(run((*second)->unwrap(wrapped, context_)), is_error(ErrorCode::damaged));

  // Not there, no token, no module, an unsafe PIN: each its own answer.
  EXPECT_THAT(open(uri("none")), is_error(ErrorCode::not_found));
  EXPECT_THAT(open("pkcs11:token=unplugged;object=master?module-path=" + std::string(kModule)),
              is_error(ErrorCode::unavailable));
  EXPECT_THAT(open("pkcs11:object=master?module-path=/none.so"), is_error(ErrorCode::not_found));
  ::chmod(pin_.c_str(), 0644);
  EXPECT_THAT(open(uri()), is_error(ErrorCode::unsafe));

  // The token is pulled out under a running process: an outage, never a wrong key.
  fs::remove_all(folder_ / "tokens");
  EXPECT_THAT(run(master.unwrap(wrapped, context_)), is_error(ErrorCode::unavailable));
  EXPECT_THAT(run(master.wrap(raw_, context_)), is_error(ErrorCode::unavailable));
}

}  // namespace
}  // namespace keyfob::keys
