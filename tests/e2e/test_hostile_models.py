"""Model files that lie: refused with a reason or run, and gantry itself never crashes."""

import unittest

from gantry_process import GantryTest, NotReady, Service, gantry, png, shared

# No runtime can run these; the others are unusual, and MODELS.md leaves both answers open.
BROKEN = {
    "0_subgraphs", "custom_sinh", "double_flex", "invalid_model", "made_op_input_index_9999",
    "made_op_input_index_negative", "made_root_offset_past_end", "made_shape_huge", "made_shape_negative",
    "made_truncated_200k", "made_vector_length_max", "made_wrong_identifier", "made_zero_bytes", "model_invoking_error",
    "segment_sum_invalid_buffer", "sparse_tensor", "test_model_broken",
}


# A loop without end is cut off there; the others take less, or may be refused as well.
TRIAL = ("--trial-timeout", "5s")


def hostile_models():
    return sorted(shared("models/hostile").glob("*.tflite"))


class HostileModels(GantryTest):
    def test_bench_refuses_them_with_a_reason_or_runs_them(self):
        for model in hostile_models():
            with self.subTest(model.stem):
                done = gantry("bench", model, "--runs", 1, "--warm-up", 0, "--target", 0, *TRIAL)
                self.assertIn(done.returncode, {3} if model.stem in BROKEN else {0, 3}, done.stderr)
                if done.returncode == 3:
                    self.assertIn(str(model), done.stderr)
                    self.assertGreater(len(done.stderr.split(str(model))[1].strip(": \n")), 10, done.stderr)

    def test_run_refuses_them_with_a_reason(self):
        for model in hostile_models():
            with self.subTest(model.stem):
                done = gantry("run", model, "-", *TRIAL, stdin=png(8, 8))
                self.assertIn(done.returncode, {3} if model.stem in BROKEN else {0, 1, 3}, done.stderr)
                if done.returncode != 0:
                    self.assertIn("error:", done.stderr)

    def test_serve_refuses_them_before_it_listens_or_answers_422(self):
        for model in hostile_models():
            with self.subTest(model.stem):
                service = Service("--model", model, *TRIAL)
                try:
                    with service:
                        self.assertNotIn(model.stem, BROKEN)
                        status, answer = service.infer(png(8, 8))
                        self.assertIn(status, {200, 422}, answer)
                        self.assertEqual(service.stop(), 0)
                except NotReady:
                    self.assertEqual(service.process.returncode, 3, service.log)
                    self.assertTrue(any(isinstance(line, str) and str(model) in line for line in service.log),
                                    service.log)


if __name__ == "__main__":
    unittest.main()
