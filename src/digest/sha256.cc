#include "gantry/digest/sha256.h"

#include <openssl/evp.h>

#include <array>
#include <stdexcept>

#include "gantry/base/format.h"

namespace gantry::digest {
namespace {

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};

/// OpenSSL's digest functions fail only without memory or without the algorithm.
void expect_success(int result) {
  if (result != 1) {
    throw std::runtime_error("OpenSSL cannot compute SHA-256");
  }
}

}  // namespace

struct Sha256::Context {
  std::unique_ptr<EVP_MD_CTX, FreeContext> evp{EVP_MD_CTX_new()};
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  expect_success(EVP_DigestInit_ex(context_->evp.get(), EVP_sha256(), nullptr));
}
Sha256::~Sha256() = default;

void Sha256::add(std::span<const std::byte> bytes) {
  expect_success(EVP_DigestUpdate(context_->evp.get(), bytes.data(), bytes.size()));
}

std::string Sha256::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  expect_success(EVP_DigestFinal_ex(context_->evp.get(), digest.data(), &size));
  std::string out;
  for (const unsigned char byte : std::span(digest).first(size)) {
    out += format_text("{:02x}", byte);
  }
  return out;
}

std::string sha256_of(std::span<const std::byte> bytes) {
  Sha256 hash;
  hash.add(bytes);
  return hash.finish();
}

std::string sha256_of(std::string_view text) { return sha256_of(std::as_bytes(std::span(text))); }

}  // namespace gantry::digest
