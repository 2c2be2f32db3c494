"""The models that people bring, on Debian's unmodified libteflon.so behind the guard: each is right, with both Mesas. The whole
table, also without the guard and with the slow models, is made by models_table.py."""

import unittest

import models_table
import real_library
from real_library import MODELS, RUN_MODEL, roots

# Half a minute and more each, for TensorFlow Lite under user-mode emulation: models_table.py has them.
SLOW = {
    "deeplabv3_mnv2_dm05_pascal_quant",
    "mobilenet_edgetpu_0.75_224_post_training_quant",
    "movenet_single_pose_lightning_ptq",
    "posenet_mobilenet_v1_075_353_481_16_quant_decoder",
    "ssdlite_mobiledet_dog_vs_cat",
    "tf2_mobilenet_v2_1.0_224_ptq",
    "yolov5n-int8",
    "ops/matmul_quant",
}
# TensorFlow Lite refuses these, or our own reader does before it.
REFUSED = {
    "ops/add_shared_tensors",
    "ops/blockwise_quantized_int4",
    "ops/single_conv_no_bias",
    "person_detect",
    "posenet_mobilenet_v1_075_353_481_16_quant_decoder",
}
# With these a good part runs on the NPU, whatever else changes: the share of MACs, at least, with 26.1 and 26.2.
SHARE = {
    "mobilenet_v1_1.0_224_quant": (0.99, 0.99),
    "mobilenet_v1_0.25_128_quant": (0.5, 0.9),
    "mobilenet_v2_1.0_224_quant": (0.3, 0.99),
    "coco_ssd_mobilenet_v1_1.0_quant_2018_06_29": (0.5, 0.5),
}


class Models(real_library.RealLibraryTest):
    programs = (RUN_MODEL,)

    def test_every_model_is_right_behind_the_guard(self):
        if not MODELS.is_dir():
            self.skipTest(f"no models at {MODELS}")
        for model in models_table.model_names():
            for i, root in enumerate(roots()):
                if model in SLOW:
                    continue
                with self.subTest(model=model, root=root.name):
                    result = models_table.try_model(root, model, guarded=True)
                    self.assertEqual(result["outcome"], "refused" if model in REFUSED else "right", result)
                    if model in SHARE:
                        self.assertGreaterEqual(result["npu_macs"] / result["macs"], SHARE[model][i], result)


if __name__ == "__main__":
    unittest.main()
