"""A model is its bytes as they were read: what becomes of the file later changes nothing."""

import hashlib
import json
import os
import pathlib
import shutil
import tempfile
import unittest

from gantry_process import GantryTest, gantry, png
from models import classifier
from served import get, start



class ReplacedFile(GantryTest):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.model = self.folder / "colors.tflite"
        shutil.copyfile(classifier(), self.model)
        self.hash = hashlib.sha256(self.model.read_bytes()).hexdigest()

    def outlives(self, change):
        """Truncated or overwritten, the file ended the service by SIGBUS where it was mapped."""
        for backend in ("tflite", "auto"):
            with self.subTest(backend):
                shutil.copyfile(classifier(), self.model)
                with start("--model", self.model, "--cpu-backend", backend) as service:
                    status, before = service.infer(png(8, 8))
                    self.assertEqual(status, 200)
                    change()
                    for _ in range(4):
                        status, answer = service.infer(png(8, 8))
                        self.assertEqual(status, 200, answer)
                        self.assertEqual(answer["predictions"], before["predictions"])
                    model = get(service, "/health").json()["models"][0]
                    self.assertEqual(model["sha256"], self.hash)
                    self.assertIsNone(service.process.poll())

    def test_truncated(self):
        self.outlives(lambda: os.truncate(self.model, 0))

    def test_overwritten_in_place(self):
        self.outlives(lambda: self.model.write_bytes(b"\0" * self.model.stat().st_size))

    def test_removed(self):
        self.outlives(self.model.unlink)

    def test_run_tells_the_hash(self):
        picture = self.folder / "picture.png"
        picture.write_bytes(png(8, 8))
        done = gantry("run", self.model, picture, "--json")
        self.assert_exit(done, 0)
        self.assertEqual(json.loads(done.stdout)["sha256"], self.hash)


if __name__ == "__main__":
    unittest.main()
