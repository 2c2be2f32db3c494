"""`gantry inspect`: what the NPU would make of a model, as text, JSON and a page."""

import json
import pathlib
import re
import tempfile
import unittest

from gantry_process import GantryTest, gantry, shared
from models import classifier
from test_hostile_models import hostile_models


class Inspect(GantryTest):
    def inspect(self, model, *arguments, code):
        done = gantry("inspect", model, "--json", *arguments)
        self.assert_exit(done, code)
        return json.loads(done.stdout)

    def test_a_model_without_convolutions_is_1(self):
        done = gantry("inspect", classifier())
        self.assert_exit(done, 1)
        for text in ("uint8 [1,8,8,3]", "AVERAGE_POOL_2D", "RESHAPE", "pooling", "NOT SUITED", "3 in the file"):
            self.assertIn(text, done.stdout)
        document = self.inspect(classifier(), code=1)
        self.assertEqual([o["runs_on"] for o in document["operators"]], ["cpu", "cpu"])
        self.assertEqual(document["verdict"]["fit"], "no")
        self.assertEqual(document["npu"]["share"], 0)

    def test_without_a_model_the_builtin_one(self):
        done = gantry("inspect")
        self.assertIn(done.returncode, (0, 1), done.stderr)
        self.assertIn("classifier.tflite", done.stdout)
        self.assertIn("CONV_2D", done.stdout)

    def test_the_version_of_mesa_decides(self):
        model = shared("models/mobilenet_v2_1.0_224_quant.tflite")
        old = self.inspect(model, "--mesa", "26.1", code=0)
        new = self.inspect(model, "--mesa", "26.2", code=0)
        self.assertEqual((old["alone"]["verdict"], new["alone"]["verdict"]), ("wrong", "npu"))
        self.assertEqual(new["npu"]["share"], 1)
        self.assertEqual(new["verdict"]["fit"], "well")
        self.assertLess(old["npu"]["share"], 1)
        self.assertIn("add-scale", [change["rule"] for change in old["changes"]])
        self.assertEqual(sum(o["macs"] for o in new["operators"]), new["npu"]["total_macs"])

    def test_what_crashes_alone_is_named(self):
        document = self.inspect(shared("models/yolov5n-int8.tflite"), "--mesa", "26.2", code=1)
        self.assertEqual(document["alone"]["verdict"], "crash")
        rules = {change["rule"] for change in document["changes"]}
        self.assertLessEqual({"per-axis", "silu", "add-no-host"}, rules)

    def test_the_page_needs_nothing_else(self):
        with tempfile.TemporaryDirectory() as folder:
            page = pathlib.Path(folder) / "page.html"
            done = gantry("inspect", classifier(), "--html", page)
            self.assert_exit(done, 1)
            text = page.read_text()
        self.assertTrue(text.startswith("<!doctype html>"))
        self.assertIn("AVERAGE_POOL_2D", text)
        self.assertIsNone(re.search(r"<script|https?://|src=|href=|url\(", text))
        self.assert_exit(gantry("inspect", classifier(), "--html", "/nowhere/page.html"), 3)

    def test_wrong_usage_is_2(self):
        for arguments, text in ((["--mesa", "24.0"], "--mesa"), (["a", "b"], "one model")):
            done = gantry("inspect", *arguments)
            self.assert_exit(done, 2)
            self.assertIn(text, done.stderr)

    def test_what_cannot_be_read_is_3(self):
        done = gantry("inspect", "/nowhere/m.tflite")
        self.assert_exit(done, 3)
        self.assertIn("/nowhere/m.tflite", done.stderr)

    def test_hostile_models_are_refused_or_told(self):
        for model in hostile_models():
            with self.subTest(model.stem):
                done = gantry("inspect", model)
                self.assertIn(done.returncode, (0, 1, 3), done.stderr)
                if done.returncode == 3:
                    self.assertIn(str(model), done.stderr)


if __name__ == "__main__":
    unittest.main()
