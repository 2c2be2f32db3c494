"""`--save-input` against Pillow: the same bytes for every picture, by a decoder and a resize that are not ours."""

import pathlib
import tempfile
import unittest
import warnings

from expected_answers import FORMATS
from gantry_process import GantryTest, gantry, shared
from served import shared_model

try:
    import numpy
    from PIL import Image, ImageOps
except ImportError:
    numpy = None

# Where we differ from Pillow on purpose: a 16-bit grey sample becomes its high byte, Pillow clips it at 255.
GRAY_16_BIT = {"chelsea_gray16.png", "chessboard_GRAY_U16.tif", "chessboard_GRAY_U16B.tif", "hopper_16bit.pgm"}


@unittest.skipIf(numpy is None, "needs numpy and Pillow (Debian: python3-numpy python3-pil)")
class InputTensor(GantryTest):
    def pillow(self, path, size):
        """The pixels that the plan's service would have fed, turned upright."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as picture:
                if path.name in GRAY_16_BIT:
                    samples = numpy.asarray(picture).astype(numpy.uint32)
                    high = (samples >> 8).astype(numpy.uint8)
                    rgb = Image.fromarray(high).convert("RGB")
                else:
                    rgb = ImageOps.exif_transpose(picture).convert("RGB")
                return numpy.asarray(rgb.resize(size, Image.Resampling.BILINEAR))

    def tensors(self, model, paths, *arguments):
        """{path: input tensor} as gantry saved them."""
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        done = gantry("run", "--json", "--threads", 1, shared_model(model), *paths, "--save-input", f"{folder}/", *arguments)
        self.assert_exit(done, 0)
        # In a folder each file is called by its place and its picture's stem.
        return {path: numpy.load(folder / (f"{i}-{path.stem}.npy" if len(paths) > 1 else f"{path.stem}.npy"))
                for i, path in enumerate(paths, 1)}

    def check(self, model, paths, size, arguments=(), as_fed=lambda rgb: rgb):
        for path, tensor in self.tensors(model, paths, *arguments).items():
            with self.subTest(path.name):
                wanted = as_fed(self.pillow(path, size))[numpy.newaxis]
                self.assertEqual((tensor.dtype, tensor.shape), (wanted.dtype, wanted.shape))
                differ = int((tensor != wanted).sum())
                self.assertEqual(differ, 0, f"{differ} of {tensor.size} samples differ, by at most "
                                 f"{numpy.abs(tensor.astype(float) - wanted.astype(float)).max()}")

    def photos(self):
        return sorted(path for path in shared("images").iterdir() if path.is_file())

    def test_photos(self):
        self.check("mobilenet_v1_0.25_128_quant", self.photos(), (128, 128))

    def test_photos_at_another_size(self):
        self.check("mobilenet_v1_0.25_224_quant", self.photos(), (224, 224))

    def test_formats(self):
        names = set(FORMATS) | {"chelsea_bilevel.png"}
        paths = [shared(f"images/formats/{name}") for name in sorted(names)]
        self.check("mobilenet_v1_0.25_128_quant", paths, (128, 128))

    def test_other_dtypes(self):
        paths = [shared(f"images/{name}") for name in ("cat.bmp", "burger.jpg", "chelsea.png")]
        self.check("mobilenet_v1_0.25_224_1_default_1_float32", paths, (224, 224),
                   as_fed=lambda rgb: ((rgb.astype(numpy.float64) - 127.5) / 127.5).astype(numpy.float32))
        self.check("mobilenet_v3_small_hybrid_int8_weights", paths, (224, 224), ("--mean", "0", "--std", "1"),
                   as_fed=lambda rgb: rgb.astype(numpy.float32))
        self.check("pretrainedResnet_quant", paths, (32, 32), as_fed=lambda rgb: (rgb.astype(int) - 128).astype(numpy.int8))
        scale = numpy.float64(numpy.float32(0.0115707))

        def edgetpu(rgb):
            x = (rgb.astype(numpy.float64) - 127) / 128 / scale
            rounded = numpy.sign(x) * numpy.floor(numpy.abs(x) + 0.5)
            return numpy.clip(rounded + 123, 0, 255).astype(numpy.uint8)

        self.check("mobilenet_edgetpu_0.75_224_post_training_quant", paths, (224, 224), as_fed=edgetpu)

    def test_gray_inputs_take_the_luma_of_the_resized_picture(self):
        paths = [shared(f"images/{name}") for name in ("person_gray.png", "grace_hopper.bmp")]
        self.check("ssd_slim_120x160x1_v1_int8", paths, (160, 120), as_fed=lambda rgb: (
            numpy.asarray(Image.fromarray(rgb).convert("L")).astype(int) - 128).astype(numpy.int8)[..., numpy.newaxis])

    def test_gigantic_and_tiny_pictures_made_here(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        random = numpy.random.default_rng(7)
        paths = []
        for width, height in ((1, 1), (1, 300), (300, 1), (2, 3), (127, 129), (128, 128), (129, 127), (4000, 3000), (8000, 2)):
            pixels = random.integers(0, 256, (height, width, 3), numpy.uint8)
            paths.append(folder / f"noise_{width}x{height}.png")
            Image.fromarray(pixels).save(paths[-1], compress_level=1)
        for quality, subsampling, progressive in ((95, 0, False), (75, 1, False), (30, 2, True), (100, 2, False)):
            pixels = random.integers(0, 256, (333, 517, 3), numpy.uint8)
            paths.append(folder / f"noise_{quality}_{subsampling}.jpg")
            Image.fromarray(pixels).save(paths[-1], quality=quality, subsampling=subsampling, progressive=progressive)
        self.check("mobilenet_v1_0.25_128_quant", paths, (128, 128))


if __name__ == "__main__":
    unittest.main()
