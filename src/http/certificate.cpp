#include "http/certificate.hpp"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <ctime>
#include <memory>

namespace keyfob::http {

Result<WallTime> certificate_ends(const std::string& pem_file) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> file(BIO_new_file(pem_file.c_str(), "r"), &BIO_free);
  if (file == nullptr) return fail(ErrorCode::not_found, "cannot read " + pem_file);
  const std::unique_ptr<X509, decltype(&X509_free)> first(PEM_read_bio_X509(file.get(), nullptr, nullptr, nullptr),
                                                          &X509_free);
  std::tm parts{};
  if (first == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(first.get()), &parts) != 1)
    return fail(ErrorCode::invalid_argument, "no certificate in " + pem_file);
  return from_unix_ms(static_cast<std::int64_t>(::timegm(&parts)) * 1000);
}

}  // namespace keyfob::http
