#include "zip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <zlib.h>

#include "gantry/test/model_builder.h"

namespace gantry::model_file {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

/// Where the archive's fields lie, for those who break them: zip_of("a", content, …) has one entry.
struct Offsets {
  std::size_t directory, end;
  explicit Offsets(const std::string& zip)
      : directory(zip.find("PK\x01\x02")), end(zip.find("PK\x05\x06")) {}
};

TEST(Zip, gives_the_stored_file) {
  const std::string file = "model" + test::zip_of("a", "content", 5);
  EXPECT_EQ(read_zipped_file(bytes_of(file), "a", 100).value(), "content");
}

TEST(Zip, takes_offsets_from_the_archive_or_the_file) {
  const std::string file = "model" + test::zip_of("a", "content", 0);
  EXPECT_EQ(read_zipped_file(bytes_of(file), "a", 100).value(), "content");
}

TEST(Zip, says_what_is_not_there) {
  const std::string file = "model" + test::zip_of("a", "content", 5);
  EXPECT_EQ(read_zipped_file(bytes_of(file), "b", 100).error().code, Code::not_found);
  EXPECT_EQ(read_zipped_file(bytes_of("model"), "a", 100).error().code, Code::not_found);
  EXPECT_EQ(read_zipped_file({}, "a", 100).error().code, Code::not_found);
}

TEST(Zip, keeps_to_the_limit) {
  const std::string file = test::zip_of("a", "content", 0);
  EXPECT_TRUE(read_zipped_file(bytes_of(file), "a", 7));
  EXPECT_EQ(read_zipped_file(bytes_of(file), "a", 6).error().code, Code::out_of_range);
}

TEST(Zip, inflates) {
  const std::string content(1000, 'x');
  std::string packed(100, '\0');
  z_stream stream{};
  ASSERT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
  std::string input = content;
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  ASSERT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);

  std::string file = test::zip_of("a", packed, 0);
  const std::size_t directory = Offsets(file).directory;
  const auto put = [&](std::size_t at, std::size_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; ++i) {
      file.at(at + i) = static_cast<char>((value >> (8 * i)) & 0xFFU);
    }
  };
  put(directory + 10, 8, 2);
  put(directory + 16, crc32(0, reinterpret_cast<const Bytef*>(content.data()), 1000), 4);
  put(directory + 24, content.size(), 4);
  EXPECT_EQ(read_zipped_file(bytes_of(file), "a", 2000).value(), content);
  put(directory + 24, content.size() - 1, 4);
  EXPECT_EQ(read_zipped_file(bytes_of(file), "a", 2000).error().code, Code::invalid_argument);
  put(directory + 24, content.size() + 1, 4);
  EXPECT_EQ(read_zipped_file(bytes_of(file), "a", 2000).error().code, Code::invalid_argument);
}

struct DamageCase {
  const char* name;
  bool in_end_record;  ///< else in the directory entry
  std::size_t offset;
  char value;
  Code code;
};
class ZipDamage : public testing::TestWithParam<DamageCase> {};
TEST_P(ZipDamage, is_told) {
  std::string file = test::zip_of("a", "content", 0);
  const Offsets offsets(file);
  file.at((GetParam().in_end_record ? offsets.end : offsets.directory) + GetParam().offset) =
      GetParam().value;
  const auto read = read_zipped_file(bytes_of(file), "a", 1'000'000);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, GetParam().code) << read.error().message;
}
INSTANTIATE_TEST_SUITE_P(
    Fields, ZipDamage,
    testing::Values(DamageCase{"encrypted", false, 8, 1, Code::unimplemented},
                    DamageCase{"unknown_method", false, 10, 12, Code::unimplemented},
                    DamageCase{"checksum", false, 16, 0, Code::invalid_argument},
                    DamageCase{"packed_size", false, 21, 1, Code::invalid_argument},
                    DamageCase{"two_sizes", false, 24, 6, Code::invalid_argument},
                    DamageCase{"name_length", false, 29, 1, Code::invalid_argument},
                    DamageCase{"local_offset", false, 42, 1, Code::invalid_argument},
                    DamageCase{"local_offset_far", false, 45, 0x7F, Code::invalid_argument},
                    DamageCase{"entry_signature", false, 0, 'X', Code::invalid_argument},
                    DamageCase{"end_signature", true, 0, 'X', Code::not_found},
                    DamageCase{"directory_size", true, 15, 1, Code::invalid_argument},
                    DamageCase{"directory_offset", true, 19, 1, Code::invalid_argument}),
    [](const auto& test) { return std::string(test.param.name); });

RC_GTEST_PROP(ZipProperty, a_changed_byte_never_gives_other_content, ()) {
  std::string file = test::zip_of("name", "the content", 0);
  const auto at = *rc::gen::inRange<std::size_t>(0, file.size());
  file[at] = *rc::gen::arbitrary<char>();
  const auto read = read_zipped_file(bytes_of(file), "name", 1000);
  RC_ASSERT((!read || *read == "the content"));
}

}  // namespace
}  // namespace gantry::model_file
