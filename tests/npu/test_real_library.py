"""Debian's unmodified libteflon.so on the emulator, against TensorFlow Lite on the CPU of the same process."""

import json
import unittest

import real_library
from emulated import emulate
from real_library import LIBRARY, MODELS, RUN_MODEL, roots


class RealLibrary(real_library.RealLibraryTest):
    programs = (RUN_MODEL,)

    def setUp(self):
        super().setUp()
        if not MODELS.is_dir():
            self.skipTest(f"no models at {MODELS}")

    def run_model(self, root, model, *arguments, options=()):
        done = emulate(RUN_MODEL, MODELS / f"{model}.tflite", "--delegate", LIBRARY, *arguments,
                       options=options, sysroot=root)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout.splitlines()[-1]), done.status

    def test_each_layer_is_within_one_step_of_the_cpu(self):
        for root in roots():
            with self.subTest(root=root.name):
                result, status = self.run_model(root, "mobilenet_v1_0.25_128_quant", "--each-node")
                self.assertEqual((result["nodes"], result["max"]), (28, 1), result)
                self.assertEqual((status["failed"], status["dropped"]), (0, 0))

    def test_mobilenet_v1(self):
        for root in roots():
            with self.subTest(root=root.name):
                result, _ = self.run_model(root, "mobilenet_v1_1.0_224_quant", "--runs", "2")
                output = result["outputs"][0]
                self.assertEqual(output["top1"][0], output["top1"][1])
                self.assertLessEqual(output["max"], 2)
                self.assertEqual(result["delegated"], 28)

    def test_faults_reach_the_model(self):
        root = roots()[0]
        for fault in ("lose-job:count=5", "wrong-channel=0"):
            with self.subTest(fault=fault):
                result, _ = self.run_model(root, "mobilenet_v1_0.25_128_quant", options=["--fault", fault])
                self.assertGreater(result["outputs"][0]["different"], 5)
        done = emulate(RUN_MODEL, MODELS / "mobilenet_v1_0.25_128_quant.tflite", "--delegate", LIBRARY,
                       options=["--fault", "absent"], sysroot=root)
        self.assertIn("made no delegate", done.stderr)
        self.assertEqual(done.returncode, 4)


if __name__ == "__main__":
    unittest.main()
