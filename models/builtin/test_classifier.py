"""The committed model answers the committed samples, through TensorFlow Lite itself. Needs neither torch nor the font."""

import json
import pathlib
import unittest
import zipfile

import numpy
from PIL import Image

from interpreter import Interpreter

HERE = pathlib.Path(__file__).resolve().parent


class Classifier(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.path = HERE / "classifier.tflite"
        with zipfile.ZipFile(cls.path) as archive:
            cls.labels = archive.read("labels.txt").decode().splitlines()

    def test_every_sample_gets_its_label_with_a_margin(self):
        interpreter = Interpreter(self.path.read_bytes())
        _, height, width, _ = interpreter.input_shape
        for file, label in json.loads((HERE / "samples" / "samples.json").read_text()).items():
            with self.subTest(file), Image.open(HERE / "samples" / file) as picture:
                picture = picture.convert("RGB").resize((width, height), Image.Resampling.BILINEAR)
                scores = interpreter.run(numpy.asarray(picture))[0][0].astype(int)
                best, second = numpy.argsort(scores)[::-1][:2]
                self.assertEqual(self.labels[best], label)
                self.assertGreater(scores[best] - scores[second], 64)

    def test_the_file_is_small_and_has_a_label_for_every_output(self):
        interpreter = Interpreter(self.path.read_bytes())
        self.assertLessEqual(self.path.stat().st_size, 600_000)
        self.assertEqual(interpreter.run(numpy.zeros(interpreter.input_shape[1:], numpy.uint8))[0].shape,
                         (1, len(self.labels)))


if __name__ == "__main__":
    unittest.main()
