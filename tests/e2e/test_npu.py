"""`gantry serve` and `gantry run` with an NPU: a delegate library that computes on the CPU and fails on request stands for it.

What the fault file says goes wrong from then on, in every process that has loaded the library (tests/support/fake_delegate.cc).
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
import unittest

from gantry_process import GantryTest, Service, gantry
from models import classifier
from raw_http import poll
from served import get, metric, metrics

DELEGATE = os.environ.get("GANTRY_TEST_FAKE_DELEGATE", "")
SLOW = int(os.environ.get("GANTRY_TEST_SLOW", "1"))
SAMPLE = pathlib.Path(__file__).resolve().parents[2] / "models/builtin/samples/cat.jpg"


def workers(service):
    """Process ids of the service's slot workers."""
    children = pathlib.Path(f"/proc/{service.process.pid}/task").glob("*/children")
    pids = [int(pid) for file in children for pid in file.read_text().split()]
    return [pid for pid in pids if b"slot-worker" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()]


class NpuTest(GantryTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not pathlib.Path(DELEGATE).exists():
            raise unittest.SkipTest("GANTRY_TEST_FAKE_DELEGATE names no library")

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.fault_file = self.folder / "fault"
        self.environment = {"GANTRY_FAKE_FAULT": str(self.fault_file), "GANTRY_TEFLON": DELEGATE}
        self.set_fault("")

    def set_fault(self, fault):
        # By rename: a worker never reads half of it.
        fresh = self.folder / "fresh"
        fresh.write_text(fault)
        fresh.rename(self.fault_file)

    def serve(self, *arguments):
        return self.enterContext(Service("--request-timeout", "10m", *arguments, env=self.environment))

    def run_once(self, *arguments):
        return gantry("run", *arguments, SAMPLE, env=self.environment)

    def model(self, service):
        return json.loads(get(service, "/health").body)["models"][0]

    def ask(self, service):
        status, headers, body = service.request("POST", "/infer", SAMPLE.read_bytes(), {"Content-Type": "image/jpeg"})
        return status, headers, json.loads(body)

    def wait_for(self, service, condition):
        """Asks /health until the model is so."""
        return poll("the model's state in /health", lambda: condition(self.model(service)))


class AtLoad(NpuTest):
    def test_a_proven_npu_answers(self):
        service = self.serve()
        status, _, answer = self.ask(service)
        self.assertEqual((status, answer["device"]), (200, "npu"), answer)
        self.assertEqual(answer["predictions"][0]["label"], "cat")
        model = self.model(service)
        self.assertEqual((model["device"], model["device_wanted"], model["device_reason"]), ("npu", "auto", None))
        self.assertEqual((model["slots"], model["npu"]["usable"], model["npu"]["proof"]), (3, 3, "passed"))
        self.assertGreater(model["npu"]["operators_npu"], 10)
        self.assertEqual(model["npu"]["library"], DELEGATE)
        self.assertEqual(len(workers(service)), 3)
        values = metrics(service)
        self.assertEqual(metric(values, "gantry_npu_slots_usable"), 3)
        self.assertEqual(metric(values, "gantry_model_operators", device="npu"), model["npu"]["operators_npu"])
        self.assertEqual(metric(values, "gantry_inference_requests_total", device="npu", outcome="ok"), 1)
        self.assertEqual(metric(values, "gantry_inference_requests_total", device="cpu"), 0)

    def test_the_answer_is_the_cpus(self):
        npu = json.loads(self.run_once("--json", "--device", "npu").stdout)["results"][0]
        cpu = json.loads(self.run_once("--json", "--device", "cpu").stdout)["results"][0]
        self.assertEqual((npu["device"], cpu["device"]), ("npu", "cpu"))
        self.assertEqual(npu["predictions"], cpu["predictions"])

    def test_cpu_does_not_look(self):
        self.set_fault("crash")
        service = self.serve("--device", "cpu")
        self.assertEqual(self.model(service)["device_reason"], "the CPU was asked for")
        self.assertEqual(self.ask(service)[2]["device"], "cpu")

    def test_without_a_device_auto_says_so_and_npu_refuses(self):
        self.environment = {}
        service = self.serve("--system-root", self.folder)
        model = self.model(service)
        self.assertEqual(model["device"], "cpu")
        self.assertIn("accel node", model["device_reason"])
        self.assertEqual((model["npu"]["operators_npu"], model["npu"]["operators_cpu"]), (0, 24))
        self.assertEqual(metric(metrics(service), "gantry_model_operators", device="cpu"), 24)
        self.assertEqual(service.wait_for_log("ready")["device_reason"], model["device_reason"])
        done = self.run_once("--system-root", self.folder, "--device", "npu")
        self.assert_exit(done, 3)
        self.assertIn("accel node", done.stderr)

    def test_a_failed_proof_keeps_the_model_off_the_npu(self):
        for fault, words in (("wrong 3", "operator 3"), ("crash", "signal 11"), ("absent", "there is no device"),
                             ("error", "running the model on the NPU failed"), ("stale", "steps")):
            with self.subTest(fault=fault):
                self.set_fault(fault)
                with Service(env=self.environment) as service:
                    model = self.model(service)
                    self.assertEqual((model["device"], model["npu"]["proof"]), ("cpu", "failed"))
                    self.assertIn(words, model["device_reason"])
                    self.assertEqual(self.ask(service)[2]["device"], "cpu")
                done = gantry("serve", "--listen", "127.0.0.1:0", "--device", "npu", env=self.environment)
                self.assert_exit(done, 3)
                self.assertIn(words, done.stderr)

    def test_a_hang_is_a_failed_proof(self):
        self.set_fault("hang")
        done = self.run_once("--device", "npu", "--npu-proof-timeout", f"{2 * SLOW}s")
        self.assert_exit(done, 3)
        self.assertIn("did not end within", done.stderr)

    def test_a_model_without_anything_for_the_npu(self):
        done = gantry("serve", "--listen", "127.0.0.1:0", "--model", classifier(), "--device", "npu", env=self.environment)
        self.assert_exit(done, 3)
        self.assertIn("no operator of the model", done.stderr)
        service = self.serve("--model", classifier())
        model = self.model(service)
        self.assertEqual((model["device"], model["npu"]["proof"]), ("cpu", "none"))
        self.assertIn("no operator of the model", model["device_reason"])


class AtRunTime(NpuTest):
    def test_a_killed_worker_costs_nothing(self):
        for number in (signal.SIGKILL, signal.SIGSEGV):
            with self.subTest(signal=number.name):
                with Service("--request-timeout", "10m", env=self.environment) as service:
                    answers, stop = [], threading.Event()

                    def client():
                        while not stop.is_set():
                            answers.append(self.ask(service)[0])

                    clients = [threading.Thread(target=client) for _ in range(4)]
                    for one in clients:
                        one.start()
                    try:
                        poll("answers", lambda: len(answers) > 10)
                        victims = workers(service)
                        os.kill(victims[0], number)
                        self.wait_for(service, lambda model: model["npu"]["restarts"] == 1)
                        self.assertTrue(self.wait_for(service, lambda model: model["npu"]["usable"] == 3))
                    finally:
                        stop.set()
                        for one in clients:
                            one.join()
                    self.assertEqual(set(answers), {200})
                    self.assertNotIn(victims[0], workers(service))
                    self.assertEqual(self.model(service)["device"], "npu")
                    service.wait_for_log("an NPU slot broke")
                    service.wait_for_log("an NPU slot works again")

    def test_auto_moves_to_the_cpu_and_back(self):
        for fault in ("crash", "stale", "error", "absent"):
            with self.subTest(fault=fault):
                with Service("--request-timeout", "10m", env=self.environment) as service:
                    self.assertEqual(self.ask(service)[2]["device"], "npu")
                    self.set_fault(fault)
                    if fault == "absent":  # what runs goes on; what starts finds nothing
                        for pid in workers(service):
                            os.kill(pid, signal.SIGKILL)
                    if fault == "stale":  # the same picture would have the same answer
                        def other_picture():
                            _, _, body = service.request("POST", "/infer", (SAMPLE.parent / "car.jpg").read_bytes(),
                                                         {"Content-Type": "image/jpeg"})
                            return json.loads(body)
                        answers = [other_picture() for _ in range(4)]
                    else:
                        answers = [self.ask(service)[2] for _ in range(4)]
                    self.assertEqual([answer["success"] for answer in answers], [True] * 4, answers)
                    self.assertEqual(answers[-1]["device"], "cpu")
                    self.assertTrue(self.wait_for(service, lambda model: model["device"] == "cpu"))
                    self.assertIn("no NPU slot is usable", self.model(service)["device_reason"])
                    service.wait_for_log("no NPU slot works")
                    self.assertEqual(get(service, "/health").status, 200)
                    values = metrics(service)
                    self.assertEqual(metric(values, "gantry_npu_slots_usable"), 0)
                    self.assertGreaterEqual(metric(values, "gantry_npu_fallbacks_total"), 1)
                    self.set_fault("")
                    service.wait_for_log("back on the NPU")
                    self.assertTrue(self.wait_for(service, lambda model: model["device"] == "npu"))
                    self.assertEqual(self.ask(service)[2]["device"], "npu")

    def test_a_hang_ends_at_the_limit(self):
        service = self.serve("--npu-timeout", f"{SLOW}s", "--npu-slots", "1")
        self.set_fault("hang")
        status, _, answer = self.ask(service)
        self.assertEqual((status, answer["device"]), (200, "cpu"), answer)
        self.assertEqual(metric(metrics(service), "gantry_npu_retries_total"), 1)
        self.set_fault("")
        self.assertTrue(self.wait_for(service, lambda model: model["device"] == "npu"))

    def test_npu_refuses_while_the_device_is_gone(self):
        service = self.serve("--device", "npu", "--npu-slots", "2")
        self.set_fault("crash")
        answers = [self.ask(service) for _ in range(3)]
        status, headers, answer = answers[-1]
        self.assertEqual((status, answer["code"]), (503, "unavailable"), answer)
        self.assertGreaterEqual(int(headers["Retry-After"]), 1)
        self.assertIn("not to run elsewhere", answer["error"])
        health = get(service, "/health")
        self.assertEqual((health.status, json.loads(health.body)["status"]), (503, "unhealthy"))
        self.assertEqual(get(service, "/health/ready").status, 503)
        self.assertEqual(get(service, "/health/live").status, 200)
        self.set_fault("")
        self.assertTrue(poll("ready", lambda: get(service, "/health/ready").status == 200))
        self.assertEqual(self.ask(service)[2]["device"], "npu")

    def test_workers_end_with_the_service(self):
        service = self.serve()
        pids = workers(service)
        self.assertEqual(service.stop(), 0)
        self.assertTrue(poll("no workers", lambda: not any(pathlib.Path(f"/proc/{pid}").exists() for pid in pids)))

    @unittest.skipUnless(shutil.which("promtool"), "needs promtool (Debian package prometheus)")
    def test_promtool_finds_nothing(self):
        service = self.serve()
        self.ask(service)
        self.set_fault("crash")
        self.ask(service)
        done = subprocess.run(["promtool", "check", "metrics"], input=get(service, "/metrics").body, capture_output=True,
                              check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))


if __name__ == "__main__":
    unittest.main()
