"""The models that the end-to-end tests use: made by the test model builder, not by anybody's training."""

import os
import pathlib
import unittest


def classifier():
    """A small image classifier, uint8 [1,H,W,3] in, uint8 [1,N] out."""
    folder = os.environ.get("GANTRY_TEST_MODELS", "")
    path = pathlib.Path(folder) / "classifier.tflite"
    if not path.is_file():
        raise unittest.SkipTest("GANTRY_TEST_MODELS names no folder with classifier.tflite")
    return path
