#include "gantry/digest/sha256.h"

#include <gtest/gtest.h>

#include <span>
#include <string>

namespace gantry::digest {
namespace {

// The examples of FIPS 180-4 (csrc.nist.gov, SHA256.pdf); the first is that of no bytes.
TEST(Sha256, IsThatOfTheStandard) {
  EXPECT_EQ(sha256_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256, PiecesMakeTheSameAsTheWhole) {
  const std::string text(1000, 'x');
  Sha256 hash;
  hash.add(std::as_bytes(std::span(text)).first(1));
  hash.add(std::as_bytes(std::span(text)).subspan(1));
  EXPECT_EQ(hash.finish(), sha256_of(text));
}

}  // namespace
}  // namespace gantry::digest
