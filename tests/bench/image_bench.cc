// What it costs to make a tensor's pixels of a picture. The large picture is a photo of ../shared,
// scaled to 12 megapixels and encoded here; without ../shared it is made of noise.
//
//   image_bench --benchmark_filter=12mp
//   tests/bench/image_pillow.py           the same with Pillow, in the same minute on the same
//   machine

#include <benchmark/benchmark.h>
#include <jpeglib.h>

#include <cstddef>
#include <cstdio>  // jpeglib.h wants FILE and size_t before it
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "gantry/image/decode.h"
#include "gantry/image/resize.h"
#include "gantry/image/scaled_decode.h"
#include "resize_kernels.h"

namespace {

using gantry::image::Image;

constexpr std::int32_t kTarget = 224;

Image source_photo() {
  std::ifstream in(std::filesystem::path(GANTRY_SHARED_DIR) / "images/exif_Landscape_1.jpg",
                   std::ios::binary);
  const std::vector<char> chars{std::istreambuf_iterator<char>(in), {}};
  const auto photo = gantry::image::decode(std::as_bytes(std::span(chars)));
  if (photo) {
    return *photo;
  }
  Image noise{60, 40, std::vector<std::uint8_t>(std::size_t{60} * 40 * 3)};
  for (std::size_t i = 0; i < noise.rgb.size(); ++i) {
    noise.rgb[i] = static_cast<std::uint8_t>(i * i * 2654435761U >> 24);
  }
  return noise;
}

Image scaled(std::int32_t width, std::int32_t height) {
  static const Image kPhoto = source_photo();
  Image image{width, height, {}};
  image.rgb.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  if (!gantry::image::Resizer().bilinear(kPhoto, width, height, image.rgb)) {
    std::abort();
  }
  return image;
}

std::vector<std::byte> encode_jpeg(const Image& image, bool progressive) {
  jpeg_error_mgr errors{};
  jpeg_compress_struct cinfo{};
  cinfo.err = jpeg_std_error(&errors);
  jpeg_create_compress(&cinfo);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&cinfo, &bytes, &size);
  cinfo.image_width = static_cast<JDIMENSION>(image.width);
  cinfo.image_height = static_cast<JDIMENSION>(image.height);
  cinfo.input_components = 3;
  cinfo.in_color_space = JCS_RGB;
  jpeg_set_defaults(&cinfo);  // 4:2:0
  jpeg_set_quality(&cinfo, 90, TRUE);
  if (progressive) {
    jpeg_simple_progression(&cinfo);
  }
  jpeg_start_compress(&cinfo, TRUE);
  while (cinfo.next_scanline < cinfo.image_height) {
    auto* row = const_cast<JSAMPROW>(  // NOLINT(cppcoreguidelines-pro-type-const-cast): libjpeg's
        &image.rgb[std::size_t{cinfo.next_scanline} * cinfo.image_width * 3]);
    jpeg_write_scanlines(&cinfo, &row, 1);
  }
  jpeg_finish_compress(&cinfo);
  const auto* first = reinterpret_cast<const std::byte*>(bytes);
  std::vector<std::byte> out(first, first + size);
  jpeg_destroy_compress(&cinfo);
  std::free(bytes);  // NOLINT(cppcoreguidelines-no-malloc): libjpeg's own
  return out;
}

void count_pixels(benchmark::State& state, std::int32_t width, std::int32_t height) {
  state.SetItemsProcessed(state.iterations() * width * height);
}

void BM_Decode(benchmark::State& state, std::int32_t width, std::int32_t height, bool progressive) {
  const auto bytes = encode_jpeg(scaled(width, height), progressive);
  for (auto _ : state) {
    benchmark::DoNotOptimize(gantry::image::decode(bytes));
  }
  count_pixels(state, width, height);
}
BENCHMARK_CAPTURE(BM_Decode, 224, 224, 224, false);
BENCHMARK_CAPTURE(BM_Decode, 1080p, 1920, 1080, false);
BENCHMARK_CAPTURE(BM_Decode, 12mp, 4032, 3024, false);
BENCHMARK_CAPTURE(BM_Decode, 12mp_progressive, 4032, 3024, true);

void BM_DecodeScaled(benchmark::State& state, std::int32_t width, std::int32_t height,
                     bool progressive, bool dct_scaling = false) {
  const auto bytes = encode_jpeg(scaled(width, height), progressive);
  gantry::image::DecodeOptions options;
  options.dct_scaling = dct_scaling;
  gantry::image::ScaledDecoder decoder;
  std::vector<std::uint8_t> out(std::size_t{kTarget} * kTarget * 3);
  gantry::Clock::duration resize{};
  for (auto _ : state) {
    const auto report = decoder.decode(bytes, options, kTarget, kTarget, out);
    resize += report ? report->resize : gantry::Clock::duration{};
  }
  state.counters["resize_ms"] =
      benchmark::Counter(gantry::to_ms(resize), benchmark::Counter::kAvgIterations);
  count_pixels(state, width, height);
}
BENCHMARK_CAPTURE(BM_DecodeScaled, 224, 224, 224, false);
BENCHMARK_CAPTURE(BM_DecodeScaled, 1080p, 1920, 1080, false);
BENCHMARK_CAPTURE(BM_DecodeScaled, 12mp, 4032, 3024, false);
BENCHMARK_CAPTURE(BM_DecodeScaled, 12mp_progressive, 4032, 3024, true);
BENCHMARK_CAPTURE(BM_DecodeScaled, 1080p_dct_scaling, 1920, 1080, false, true);
BENCHMARK_CAPTURE(BM_DecodeScaled, 12mp_dct_scaling, 4032, 3024, false, true);
BENCHMARK_CAPTURE(BM_DecodeScaled, 12mp_progressive_dct_scaling, 4032, 3024, true, true);

void BM_DecodeThenResize(benchmark::State& state, std::int32_t width, std::int32_t height,
                         bool progressive) {
  const auto bytes = encode_jpeg(scaled(width, height), progressive);
  gantry::image::Resizer resizer;
  std::vector<std::uint8_t> out(std::size_t{kTarget} * kTarget * 3);
  for (auto _ : state) {
    const auto image = gantry::image::decode(bytes);
    benchmark::DoNotOptimize(resizer.bilinear(*image, kTarget, kTarget, out));
  }
  count_pixels(state, width, height);
}
BENCHMARK_CAPTURE(BM_DecodeThenResize, 1080p, 1920, 1080, false);
BENCHMARK_CAPTURE(BM_DecodeThenResize, 12mp, 4032, 3024, false);

void BM_Resize(benchmark::State& state, const gantry::image::ResizeKernels* kernels,
               std::int32_t width, std::int32_t height) {
  const Image image = scaled(width, height);
  gantry::image::Resizer resizer(*kernels);
  std::vector<std::uint8_t> out(std::size_t{kTarget} * kTarget * 3);
  for (auto _ : state) {
    benchmark::DoNotOptimize(resizer.bilinear(image, kTarget, kTarget, out));
  }
  count_pixels(state, width, height);
}

}  // namespace

int main(int argc, char** argv) {
  for (const auto& kernels : gantry::image::resize_kernels()) {
    for (const auto& [name, width, height] : {std::tuple{"112", 112, 112},
                                              {"256", 256, 256},
                                              {"1080p", 1920, 1080},
                                              {"12mp", 4032, 3024}}) {
      const auto full = std::string("BM_Resize/").append(kernels.name).append("/").append(name);
      benchmark::RegisterBenchmark(full, BM_Resize, &kernels, width, height);
    }
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
