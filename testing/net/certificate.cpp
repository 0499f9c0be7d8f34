#include "testing/net/certificate.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <stdexcept>

namespace keyfob::testing {
namespace {

void extend(X509* certificate, int kind, const char* value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

X509* self_signed(EVP_PKEY* key, const std::string& subject_alternative) {
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  const auto* name = reinterpret_cast<const unsigned char*>("keyfob test");
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC, name, -1, -1, 0);
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  extend(certificate, NID_subject_alt_name, subject_alternative.c_str());
  extend(certificate, NID_basic_constraints, "critical,CA:TRUE");
  X509_sign(certificate, key, EVP_sha256());
  return certificate;
}

}  // namespace

CertificateFiles::CertificateFiles(const std::string& subject_alternative) {
  char path[] = "/tmp/keyfob-test-XXXXXX";
  if (mkdtemp(path) == nullptr) throw std::runtime_error("no temporary directory");
  directory_ = path;
  certificate_ = directory_ + "/certificate.pem";
  key_ = directory_ + "/key.pem";
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = self_signed(key, subject_alternative);
  std::FILE* out = std::fopen(certificate_.c_str(), "w");
  PEM_write_X509(out, certificate);
  std::fclose(out);
  out = std::fopen(key_.c_str(), "w");
  PEM_write_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(out);
  X509_free(certificate);
  EVP_PKEY_free(key);
}

CertificateFiles::~CertificateFiles() {
  unlink(certificate_.c_str());
  unlink(key_.c_str());
  rmdir(directory_.c_str());
}

}  // namespace keyfob::testing
