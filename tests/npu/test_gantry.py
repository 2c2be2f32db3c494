"""`gantry` as its users see it, for arm64, on Debian's unmodified libteflon.so and the emulated NPU."""

import json
import os
import pathlib
import signal
import sys
import tempfile
import threading
import unittest

from emulated_gantry import EmulatedGantryTest, control, model_of, run
from gantry_process import shared
from raw_http import poll
from real_library import LIBRARY, roots

SAMPLES = pathlib.Path(__file__).resolve().parents[2] / "models/builtin/samples"


def findings(done):
    return {finding["id"]: finding for finding in json.loads(done.stdout)["findings"]}


class Doctor(EmulatedGantryTest):
    """On the emulator's board, whose NPU it tries."""

    def doctor(self, root, *arguments, options=()):
        return run(root, "doctor", "--json", "--system-root", "{root}", "--teflon", LIBRARY, "--live-test", "always",
                   *arguments, options=options)

    def assert_live_failure(self, done, *words):
        self.assert_exit(done, 1)
        live = findings(done)["live"]
        self.assertEqual(live["status"], "failure", live)
        for text in words:
            self.assertIn(text, live["found"] + live["why"])
        self.assertTrue(live["remedies"])

    def test_nothing_is_wrong(self):
        for root in roots():
            with self.subTest(root=root.name):
                done = self.doctor(root)
                self.assert_exit(done, 0)
                found = findings(done)
                self.assertEqual([f for f in found.values() if f["status"] == "failure"], [])
                self.assertEqual((found["live"]["status"], found["access"]["status"]), ("ok", "ok"))
                self.assertIn("21 of 24 operators on the NPU", found["live"]["found"])
                self.assertIn("it opens", found["access"]["found"])
                self.assertEqual(len(json.loads(done.stdout)["machine"]["cores"]), 3)

    def test_it_is_found_without_being_named(self):
        # Not the emulator's board but this machine, with a node and, by Debian's package, a library.
        done = run(roots()[0], "doctor", "--json")
        found = findings(done)
        for name in ("node", "access", "library", "live"):
            self.assertEqual(found[name]["status"], "ok", found[name])

    def test_no_node(self):
        done = self.doctor(roots()[0], options=["--fault", "absent"])
        self.assert_live_failure(done, "loading the library failed", "Couldn't open kernel device")
        self.assertEqual(findings(done)["node"]["status"], "failure")
        self.assertIn("/dev/accel/accel0 is missing, though the kernel has the device", findings(done)["node"]["found"])

    def test_no_permission(self):
        done = self.doctor(roots()[0], options=["--fault", "eacces"])
        self.assert_live_failure(done, "loading the library failed")
        self.assertEqual((findings(done)["node"]["status"], findings(done)["access"]["status"]), ("ok", "failure"))

    def test_results_that_nobody_wrote(self):
        for fault in ("lose-job", "submit-error", "submit-error=ENODEV", "vanish", "hang:after=20,count=1"):
            with self.subTest(fault=fault):
                self.assert_live_failure(self.doctor(roots()[0], options=["--fault", fault]),
                                         "The NPU's answer is wrong, and nothing said so")

    def test_a_device_that_goes_while_it_is_timed(self):
        # 21 jobs an inference: behind the first two, in the ten that are timed.
        self.assert_live_failure(self.doctor(roots()[0], options=["--fault", "vanish:after=50"]), "nothing said so")

    def test_a_device_that_is_gone_afterwards(self):
        with tempfile.TemporaryDirectory() as state:
            def take_it_away():
                poll("a job", lambda: (status := control(state, "status")) and json.loads(status)["jobs"] > 0)
                control(state, "vanish")

            thief = threading.Thread(target=take_it_away)
            thief.start()
            done = self.doctor(roots()[0], options=["--state", state, "--fault", "slow=20"])
            thief.join()
        self.assert_live_failure(done, "/dev/accel/accel0 went away meanwhile", "No such file or directory")

    def test_a_wrong_channel(self):
        for root in roots():
            with self.subTest(root=root.name):
                self.assert_live_failure(self.doctor(root, options=["--fault", "wrong-channel=3"]), "answer is wrong")

    def test_a_hang(self):
        done = self.doctor(roots()[0], "--live-timeout", "10s", options=["--fault", "hang"])
        self.assert_live_failure(done, "running the model on the NPU did not end within 10 s")

    def test_no_memory_for_a_buffer_is_a_crash_of_the_library(self):
        done = self.doctor(roots()[0], options=["--fault", "create-error"])
        self.assert_live_failure(done, "running the model on the NPU crashed", "Segmentation fault", "nothing else was harmed")

    def test_slow_is_no_failure(self):
        done = self.doctor(roots()[0], options=["--fault", "slow=20"])
        self.assert_exit(done, 0)
        self.assertEqual(findings(done)["live"]["status"], "ok")


class Serve(EmulatedGantryTest):
    def ask(self, service, picture):
        kind = {"jpg": "jpeg"}.get(picture.suffix[1:], picture.suffix[1:])
        status, _, body = service.request("POST", "/infer", picture.read_bytes(), {"Content-Type": f"image/{kind}"})
        answer = json.loads(body)
        self.assertEqual(status, 200, answer)
        return answer

    def builtin(self):
        """A service with the built-in model on the NPU, one slot."""
        return self.serve(roots()[0], "--npu-slots", "1", "--npu-timeout", "5s")

    def check_moves_away_and_back(self, service, break_it, mend_it):
        self.assertEqual(self.ask(service, SAMPLES / "cat.jpg")["device"], "npu")
        break_it()
        # Other pictures: of the same one a lost job's answer, the last one, would be right.
        answers = [self.ask(service, SAMPLES / f"{name}.jpg") for name in ("car", "cat", "car", "cat")]
        self.assertEqual(answers[-1]["device"], "cpu", answers)
        self.assertEqual([answer["predictions"][0]["label"] for answer in answers[2:]], ["car", "cat"])
        model = self.wait_for(service, lambda model: model["device"] == "cpu" and model)
        self.assertIn("no NPU slot is usable", model["device_reason"])
        service.wait_for_log("no NPU slot works")
        mend_it()
        service.wait_for_log("back on the NPU")
        answer = self.ask(service, SAMPLES / "cat.jpg")
        self.assertEqual((answer["device"], answer["predictions"][0]["label"]), ("npu", "cat"))

    def test_models_answer_from_the_npu(self):
        # The library is found as on a board: nobody names it.
        grace = shared("images/grace_hopper.bmp")
        for root in roots():
            for name, wanted in (("mobilenet_v2_1.0_224_quant", 653), ("mobilenet_v1_1.0_224_quant", 653), ("", "cat")):
                with self.subTest(root=root.name, model=name or "built-in"):
                    arguments = ["--model", shared(f"models/{name}.tflite")] if name else []
                    service = self.serve(root, "--device", "npu", *arguments)
                    answer = self.ask(service, grace if name else SAMPLES / "cat.jpg")
                    best = answer["predictions"][0]
                    self.assertEqual((answer["device"], best["class_id"] if name else best["label"]), ("npu", wanted))
                    model = model_of(service)
                    self.assertEqual((model["npu"]["proof"], model["npu"]["usable"]), ("passed", 3))
                    self.assertEqual(service.stop(), 0)

    def test_a_killed_worker_comes_back(self):
        service = self.builtin()
        [victim] = service.workers()
        os.kill(victim, signal.SIGKILL)
        # It is noticed when it is wanted; the request that did is answered all the same.
        self.assertEqual(self.ask(service, SAMPLES / "cat.jpg")["predictions"][0]["label"], "cat")
        self.wait_for(service, lambda model: model["npu"]["restarts"] == 1 and model["npu"]["usable"] == 1)
        self.assertNotIn(victim, service.workers())
        answer = self.ask(service, SAMPLES / "cat.jpg")
        self.assertEqual((answer["device"], answer["predictions"][0]["label"]), ("npu", "cat"))

    def test_a_hang_moves_the_model_to_the_cpu_until_it_is_over(self):
        service = self.builtin()
        self.check_moves_away_and_back(service, lambda: service.control("fault", "hang"), lambda: service.control("clear"))

    def test_a_device_that_vanishes_moves_it_until_it_is_back(self):
        service = self.builtin()
        self.check_moves_away_and_back(service, lambda: service.control("vanish"), lambda: service.control("clear"))

    def test_a_failed_proof_keeps_a_model_off_the_npu(self):
        for fault, words in (("wrong-channel=3", "first wrong: operator"), ("create-error", "signal 11"),
                             ("absent", "made no delegate"), ("lose-job", "first wrong: operator")):
            with self.subTest(fault=fault):
                done = run(roots()[0], "run", "--device", "npu", "--teflon", LIBRARY, SAMPLES / "cat.jpg",
                           options=["--fault", fault])
                self.assert_exit(done, 3)
                self.assertIn(words, done.stderr)


class Bench(EmulatedGantryTest):
    def test_three_slots_use_three_cores(self):
        # Modelled time, stretched so far that the host's share of a frame hardly counts.
        done = run(roots()[-1], "bench", shared("models/mobilenet_v1_1.0_224_quant.tflite"), "--device", "npu", "--no-npu-proof",
                   "--slots", "1,2,3", "--runs", "1", "--warm-up", "0", "--seconds", "3s", "--target", "0", "--json",
                   options=["--mode", "timing", "--time-scale", "20", "--status"])
        self.assert_exit(done, 0)
        table = json.loads(done.stdout)["npu"]["slots_table"]
        self.assertEqual([row["slots"] for row in table], [1, 2, 3])
        # How much faster three are is told and not asserted: this machine may be busy.
        print("speed-up: " + ", ".join(f"{row['slots']}: {row['speed_up']:.2f}" for row in table), file=sys.stderr)
        mark = "gantry-emulator: ok "
        status = json.loads(done.stderr[done.stderr.rindex(mark) + len(mark):].splitlines()[0])
        self.assertGreater(min(status["busy_seconds"]), sum(status["busy_seconds"]) / 20, status)


if __name__ == "__main__":
    unittest.main()
