#pragma once
// A self-signed certificate and its key as PEM files, made for one test.

#include <string>

namespace keyfob::testing {

class CertificateFiles {
 public:
  /// `subject_alternative` as OpenSSL writes it: "IP:127.0.0.1", "DNS:api.example".
  explicit CertificateFiles(const std::string& subject_alternative);
  ~CertificateFiles();
  CertificateFiles(const CertificateFiles&) = delete;
  CertificateFiles& operator=(const CertificateFiles&) = delete;

  [[nodiscard]] const std::string& certificate() const { return certificate_; }
  [[nodiscard]] const std::string& key() const { return key_; }

 private:
  std::string directory_;
  std::string certificate_;
  std::string key_;
};

}  // namespace keyfob::testing
