"""The proof at load, of Debian's unmodified libteflon.so on the emulator: what is right passes, what is not does not."""

import json
import unittest

import real_library
from emulated import emulate
from real_library import LIBRARY, MODELS, RUN_MODEL, roots, version_of

BUILTIN = "../../models/builtin/classifier.tflite"


class Proof(real_library.RealLibraryTest):
    programs = (RUN_MODEL,)

    def prove(self, root, model, *arguments, options=()):
        done = emulate(RUN_MODEL, model, "--delegate", LIBRARY, "--prove", *arguments, options=options, sysroot=root)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout.splitlines()[-1]), done.stderr

    def need_models(self):
        if not MODELS.is_dir():
            self.skipTest(f"no models at {MODELS}")

    def test_models_behind_the_guard_pass(self):
        self.need_models()
        for root in roots():
            for name in ("mobilenet_v1_0.25_224_quant", "mobilenet_v1_1.0_224_quant", "mobilenet_v2_1.0_224_quant",
                         "coco_ssd_mobilenet_v1_1.0_quant_2018_06_29", "ssdlite_mobiledet_dog_vs_cat"):
                with self.subTest(root=root.name, model=name):
                    result, words = self.prove(root, MODELS / f"{name}.tflite")
                    self.assertTrue(result["passed"], words)
                    self.assertGreater(result["delegated"], 20)

    def test_the_built_in_model_passes(self):
        for root in roots():
            with self.subTest(root=root.name):
                result, words = self.prove(root, BUILTIN)
                self.assertTrue(result["passed"], words)
                self.assertGreater(result["delegated"], 20)

    def test_mobilenet_v2_without_the_guard_fails(self):
        # Mesa 26.2 adds right, with and without us.
        self.need_models()
        wrong = [root for root in roots() if version_of(root) == "26.1"]
        if not wrong:
            self.skipTest("no Mesa 26.1")
        result, words = self.prove(wrong[0], MODELS / "mobilenet_v2_1.0_224_quant.tflite", "--alone")
        self.assertFalse(result["passed"], words)
        self.assertGreaterEqual(result["first_wrong"], 0, words)

    def test_a_wrong_channel_fails(self):
        models = [BUILTIN]
        if MODELS.is_dir():
            models.append(MODELS / "mobilenet_v2_1.0_224_quant.tflite")
        for model in models:
            with self.subTest(model=str(model)):
                result, words = self.prove(roots()[0], model, options=["--fault", "wrong-channel=3"])
                self.assertFalse(result["passed"], words)


if __name__ == "__main__":
    unittest.main()
