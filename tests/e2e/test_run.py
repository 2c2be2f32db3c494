"""`gantry run`: labels, boxes, files, and what happens to pictures that are none."""

import ast
import json
import pathlib
import struct
import tempfile
import unittest

from gantry_process import GantryTest, gantry, png, shared
from models import classifier


def read_npy(path):
    """(dtype, shape, bytes) of a NumPy file, read by the rules of its format and not by ours."""
    data = path.read_bytes()
    assert data[:8] == b"\x93NUMPY\x01\x00", data[:8]
    (length,) = struct.unpack("<H", data[8:10])
    assert (10 + length) % 64 == 0
    header = ast.literal_eval(data[10:10 + length].decode("latin-1"))
    assert header["fortran_order"] is False
    return header["descr"], header["shape"], data[10 + length:]


class Run(GantryTest):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.picture = self.folder / "red.png"
        self.picture.write_bytes(png(40, 30, (250, 10, 10)))
        self.model = classifier()

    def test_names_classes_with_probability(self):
        done = gantry("run", self.model, self.picture, "--top-k", 2)
        self.assert_exit(done, 0)
        self.assertIn("40×30", done.stdout)
        self.assertEqual(len([line for line in done.stdout.splitlines() if "%" in line]), 2, done.stdout)

    def test_json_is_one_document_with_the_members_of_the_service(self):
        done = gantry("run", "--json", self.model, self.picture, self.picture)
        self.assert_exit(done, 0)
        document = json.loads(done.stdout)
        self.assertEqual(len(document["results"]), 2)
        result = document["results"][0]
        self.assertEqual(result["file"], str(self.picture))
        self.assertEqual(result["image"], {"width": 40, "height": 30})
        self.assertLessEqual({"predictions", "inference_time_ms", "shape", "model", "version", "device", "timings_ms"},
                             set(result))
        self.assertLessEqual({"class_id", "label", "score", "probability"}, set(result["predictions"][0]))

    def test_a_bad_picture_does_not_stop_the_others(self):
        bad = self.folder / "bad.jpg"
        bad.write_text("no picture")
        done = gantry("run", "--json", self.model, bad, self.picture, self.folder / "absent.png")
        self.assert_exit(done, 1)
        results = json.loads(done.stdout)["results"]
        self.assertEqual([("error" in result, "predictions" in result) for result in results],
                         [(True, False), (False, True), (True, False)])
        self.assertIn(str(bad), done.stderr)
        self.assertIn("absent.png", done.stderr)
        self.assertIn("code", results[0])

    def test_reads_a_picture_from_stdin(self):
        done = gantry("run", self.model, "-", stdin=png(5, 5))
        self.assert_exit(done, 0)
        done = gantry("run", self.model, "-", stdin=b"")
        self.assert_exit(done, 1)
        self.assertIn("stdin", done.stderr)

    def test_the_model_may_come_from_the_environment(self):
        self.assert_exit(gantry("run", self.picture, env={"GANTRY_MODEL": str(self.model)}), 0)
        # A model on the command line wins.
        self.assert_exit(gantry("run", self.model, self.picture, env={"GANTRY_MODEL": "/nowhere.tflite"}), 0)

    def test_saves_the_exact_input_tensor(self):
        out = self.folder / "input.npy"
        self.assert_exit(gantry("run", self.model, self.picture, "--save-input", out), 0)
        descr, shape, data = read_npy(out)
        self.assertEqual(descr, "|u1")
        self.assertEqual(shape[0], 1)
        self.assertEqual(shape[3], 3)
        self.assertEqual(data, bytes((250, 10, 10)) * (shape[1] * shape[2]))

    def test_annotated_pictures_keep_their_size_and_get_a_name_each(self):
        out = self.folder / "boxes" / "out.png"
        self.assert_exit(gantry("run", self.model, self.picture, self.picture, "--annotate", out), 0)
        for name in ("out-1.png", "out-2.png"):
            data = (out.parent / name).read_bytes()
            self.assertEqual(data[:8], b"\x89PNG\r\n\x1a\n")
            self.assertEqual(struct.unpack(">II", data[16:24]), (40, 30))

    def test_labels_that_are_absent_are_3(self):
        done = gantry("run", self.model, self.picture, "--labels", "/nowhere/labels.txt")
        self.assert_exit(done, 3)
        self.assertIn("/nowhere/labels.txt", done.stderr)


class RunOnRealModels(GantryTest):
    def run_json(self, *arguments):
        done = gantry("run", "--json", *arguments)
        self.assert_exit(done, 0)
        return json.loads(done.stdout)["results"]

    def test_mobilenet_v1_knows_an_egyptian_cat(self):
        model = shared("models/mobilenet_v1_1.0_224_quant.tflite")
        (result,) = self.run_json(model, shared("images/cat.bmp"), "--labels",
                                  shared("labels/labels_mobilenet_quant_v1_224.txt"))
        best = result["predictions"][0]
        self.assertEqual(best["class_id"], 286)
        self.assertEqual(best["label"], "Egyptian cat")
        self.assertGreater(best["probability"], 0.78)  # the threshold of MODELS.md
        self.assertAlmostEqual(best["score"] / 256, best["probability"], 3)

    def test_the_coco_detector_finds_three_cats_and_a_dog(self):
        model = shared("models/coco_ssd_mobilenet_v1_1.0_quant_2018_06_29.tflite")
        (result,) = self.run_json(model, shared("images/cats_and_dogs.jpg"), "--threshold", 0.45)
        self.assertEqual([p["label"] for p in result["predictions"]][:4], ["cat", "cat", "cat", "dog"])
        for prediction in result["predictions"]:
            box = prediction["box"]
            self.assertLess(box["x_min"], box["x_max"])
            self.assertLess(box["y_min"], box["y_max"])

    def test_a_model_that_takes_no_picture_is_3_with_a_reason(self):
        done = gantry("run", shared("models/hello_world_int8.tflite"), shared("images/cat.bmp"))
        self.assert_exit(done, 3)
        self.assertIn("takes no picture", done.stderr)


if __name__ == "__main__":
    unittest.main()
