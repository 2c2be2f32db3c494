"""Pictures that lie, over HTTP: an answer or a documented refusal, soon, and within bounded memory."""

import pathlib
import time
import unittest

from gantry_process import shared
from raw_http import SLOW, form_request, json_request, raw_request
from served import ServedTest, connect, is_sanitized, memory, shared_image, shared_model

# Below these lie pictures that MODELS.md calls valid, or that harm only where it does not matter: they have to be
# answered. What others do is open: some libraries mend more than others.
MUST_ANSWER = {
    "made_png_1x1.png", "made_png_20000x1.png", "made_jpg_exif_orientation_9.jpg", "made_jpg_exif_orientation_6_no_other.jpg",
    "png_empty_ancillary_chunks.png", "png_regression-palette-8.png", "png_test-palette-4.png",
}
MUST_REFUSE = {
    "jpg_empty.jpg": {400}, "made_one_byte.jpg": {400, 415}, "made_text.jpg": {400, 415}, "made_html.png": {400, 415},
    "made_svg_entity_bomb.svg": {415}, "made_png_bomb_50000x50000_gray.png": {413}, "made_png_ihdr_2147483647.png": {400, 413},
    "made_png_zero_width.png": {400}, "made_jpg_header_65535x65535.jpg": {413}, "made_gif_65535x65535.gif": {400, 413},
    "made_tiff_ifd_loop.tif": {400}, "made_bmp_height_min.bmp": {400, 413}, "made_webp_truncated.webp": {400},
    "gd_zero_dimensions.gif": {400}, "gif_no-frames.gif": {400}, "png_x_ihdr_missing.png": {400},
    "pngsuite_xdtn0g01.png": {400}, "pngsuite_xs1n0g01.png": {400, 415},
}
MEBI = 1 << 20


class HostileImages(ServedTest):
    @classmethod
    def arguments(cls):
        return ["--model", shared_model("mobilenet_v1_0.25_128_quant")]

    def check(self, make):
        folder = shared("images/hostile")
        names = sorted(path.name for path in folder.iterdir())
        self.assertGreater(len(names), 100)
        self.assertLessEqual(MUST_ANSWER | set(MUST_REFUSE), set(names))
        with connect(self.service) as connection:
            for name in names:
                with self.subTest(name):
                    begun = time.monotonic()
                    reply = connection.ask(make((folder / name).read_bytes()))
                    # No speed test: seconds would mean that a few bytes can keep a thread busy.
                    self.assertLess(time.monotonic() - begun, 10 * SLOW)
                    if reply.status == 200:
                        self.assert_good(reply)
                    else:
                        self.assert_error(reply, {400, 413, 415})
                    if name in MUST_ANSWER:
                        self.assertEqual(reply.status, 200, reply)
                    self.assertIn(reply.status, MUST_REFUSE.get(name, {200, 400, 413, 415}), reply)
            self.assert_good(connection.ask(raw_request(shared_image("burger.jpg"))))

    def test_as_raw_bodies(self):
        self.check(raw_request)

    def test_in_forms(self):
        self.check(form_request)

    def test_in_json(self):
        self.check(json_request)

    def test_memory_stays_bounded(self):
        if is_sanitized(self.service.process):
            self.skipTest("sanitizers keep what was freed")
        self.check(raw_request)
        now, most = memory(self.service.process)
        self.assertLess(most, 500 * MEBI)
        self.check(raw_request)
        again, _ = memory(self.service.process)
        self.assertLess(again, now + 50 * MEBI)


if __name__ == "__main__":
    unittest.main()
