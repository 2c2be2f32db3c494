"""`gantry bench`: the numbers are there and fit together. How large they are is no test's business."""

import json
import pathlib
import tempfile
import unittest

from gantry_process import GantryTest, gantry, png
from models import classifier


class Bench(GantryTest):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.model = classifier()

    def bench(self, *arguments):
        done = gantry("bench", self.model, "--json", "--target", "1h", *arguments)
        self.assert_exit(done, 0)
        return json.loads(done.stdout)

    def test_by_default_ten_runs_and_a_verdict(self):
        done = gantry("bench", self.model, "--target", "1h")
        self.assert_exit(done, 0)
        for text in ("10 runs", "average", "min", "max", "p50", "p99", "16–21 ms", "GOOD", "first invoke", "load"):
            self.assertIn(text, done.stdout)
        if not pathlib.Path("/dev/accel").exists():
            self.assertIn("not measured: accel node: none", done.stdout)

    def test_too_slow_is_1(self):
        done = gantry("bench", self.model, "--target", "1ns", "--runs", 1)
        self.assert_exit(done, 1)
        self.assertIn("TOO SLOW", done.stdout)
        done = gantry("bench", self.model, "--target", "0", "--runs", 1)
        self.assert_exit(done, 0)
        self.assertNotIn("GOOD", done.stdout)

    def test_json_has_every_sample_and_what_follows_from_them(self):
        document = self.bench("--runs", 20)
        times = document["invoke_ms"]
        self.assertEqual(times["count"], 20)
        self.assertEqual(len(times["samples"]), 20)
        self.assertAlmostEqual(times["average"], sum(times["samples"]) / 20, 3)
        self.assertEqual(times["min"], min(times["samples"]))
        self.assertLessEqual(times["p50"], times["p90"])
        self.assertLessEqual(times["p90"], times["p99"])
        self.assertEqual(document["device"], "cpu")
        self.assertEqual(document["model"]["bytes"], pathlib.Path(self.model).stat().st_size)
        self.assertGreater(document["memory_bytes"]["peak"], 0)

    def test_tables_of_threads_slots_and_operators(self):
        document = self.bench("--threads", "1,2", "--slots", "1,2,3", "--seconds", "50ms", "--profile")
        self.assertEqual([row["threads"] for row in document["threads_table"]], [1, 2])
        self.assertEqual([row["slots"] for row in document["slots_table"]], [1, 2, 3])
        self.assertEqual(document["slots_table"][0]["speed_up"], 1)
        for row in document["slots_table"]:
            self.assertGreater(row["per_second"], 0)
        self.assertGreater(len(document["operators"]), 0)
        self.assertAlmostEqual(sum(o["ms"] for o in document["operators"]),
                               sum(t["ms"] for t in document["operator_types"]), 2)
        done = gantry("bench", self.model, "--threads", "1,2", "--slots", "1,2", "--seconds", "50ms", "--profile",
                      "--target", 0)
        for text in ("Threads of one inference", "efficiency", "Operators by type", "share"):
            self.assertIn(text, done.stdout)

    def test_a_picture_instead_of_random_values(self):
        picture = self.folder / "p.png"
        picture.write_bytes(png(64, 48))
        document = self.bench("--image", picture)
        self.assertEqual((document["image"]["width"], document["image"]["height"]), (64, 48))
        self.assertEqual(document["input"]["fed"], str(picture))
        self.assert_exit(gantry("bench", self.model, "--image", "/nowhere.png"), 3)

    def test_two_results_are_compared(self):
        a, b = self.folder / "a.json", self.folder / "b.json"
        done = gantry("bench", self.model, f"--json={a}", "--target", "1h")
        self.assert_exit(done, 0)
        self.assertIn("average", done.stdout)  # the text as well
        # The samples are made up: measured ones may spread so far that nothing can be said of them.
        measured = json.loads(a.read_text())
        measured["invoke_ms"]["samples"] = [1.0, 1.01] * 5
        a.write_text(json.dumps(measured))
        measured["invoke_ms"]["samples"] = [2.0, 2.02] * 5
        measured["threads"] = 7
        b.write_text(json.dumps(measured))

        same = gantry("bench", "compare", a, a)
        self.assert_exit(same, 0)
        self.assertIn("NO DIFFERENCE", same.stdout)
        slower = gantry("bench", "compare", a, b)
        self.assert_exit(slower, 1)
        self.assertIn("SLOWER", slower.stdout)
        self.assertIn("threads", slower.stderr)
        faster = gantry("bench", "compare", b, a, "--json")
        self.assert_exit(faster, 0)
        self.assertEqual(json.loads(faster.stdout)["verdict"]["change"], "faster")

    def test_a_file_that_is_no_result_is_3(self):
        bad = self.folder / "bad.json"
        bad.write_text("{}")
        done = gantry("bench", "compare", bad, bad)
        self.assert_exit(done, 3)
        self.assertIn("bad.json", done.stderr)


if __name__ == "__main__":
    unittest.main()
