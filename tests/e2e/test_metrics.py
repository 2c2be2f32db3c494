"""What monitoring reads: /metrics, /health, the description of the API, and the log."""

import json
import re
import shutil
import subprocess
import unittest

from gantry_process import png
from models import classifier
from raw_http import form_request, poll, raw_request, request
from served import ServedTest, connect, get, metric, metrics

PHASES = ("read", "decode", "resize", "queue", "invoke", "postprocess", "write")
GOOD = png(30, 20)


class Metrics(ServedTest):
    @classmethod
    def arguments(cls):
        return ["--model", classifier(), "--model-name", "ours"]

    def labels(self, phase):
        return {"model": "ours", "version": "1", "device": "cpu", "phase": phase}

    def phase_counts(self):
        values = metrics(self.service)
        return {phase: metric(values, "gantry_request_phase_duration_seconds_count", **self.labels(phase))
                for phase in PHASES}

    @unittest.skipUnless(shutil.which("promtool"), "needs promtool (Debian package prometheus)")
    def test_promtool_finds_nothing(self):
        self.ask(raw_request(GOOD))
        self.ask(raw_request(b"no picture"))
        self.ask(request("GET", "/nothing"))
        reply = get(self.service, "/metrics")
        done = subprocess.run(["promtool", "check", "metrics"], input=reply.body, capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))

    def test_content_type(self):
        self.assertRegex(get(self.service, "/metrics").header("content-type"), r"^text/plain; ?version=0\.0\.4")

    def test_phases_count_every_answered_request(self):
        before = self.phase_counts()
        for _ in range(3):
            self.assert_good(self.ask(form_request(GOOD)))
        # A client may have its answer before the service knows that it is written.
        poll("the answers are counted as written", lambda: self.phase_counts()["write"] >= before["write"] + 3)
        after = self.phase_counts()
        self.assertEqual({phase: after[phase] - before[phase] for phase in PHASES}, dict.fromkeys(PHASES, 3))
        values = metrics(self.service)
        for phase in PHASES:
            total = metric(values, "gantry_request_phase_duration_seconds_sum", **self.labels(phase))
            self.assertGreaterEqual(total, 0)
            self.assertLess(total, 1000)  # seconds, not milliseconds

    def test_the_names_of_the_plan_are_there(self):
        before = metrics(self.service)
        for _ in range(2):
            self.assert_good(self.ask(raw_request(GOOD)))
        self.ask(raw_request(b"no picture"))  # no inference
        after = metrics(self.service)
        self.assertEqual(after["npu_inference_total"] - before["npu_inference_total"], 2)
        self.assertGreater(after["npu_inference_time_seconds_total"], before["npu_inference_time_seconds_total"])
        self.assertAlmostEqual(after["npu_inference_time_seconds_avg"],
                               after["npu_inference_time_seconds_total"] / after["npu_inference_total"])

    def test_outcomes_are_counted(self):
        before = metrics(self.service)
        self.ask(raw_request(b"\x89PNG\r\n\x1a\nbroken"))
        after = metrics(self.service)
        name = "gantry_inference_requests_total"
        self.assertEqual(metric(after, name, outcome="invalid_argument") - metric(before, name, outcome="invalid_argument"), 1)
        self.assertEqual(metric(after, name, outcome="ok"), metric(before, name, outcome="ok"))

    def test_gauges_say_what_there_is(self):
        values = metrics(self.service)
        self.assertEqual(metric(values, "gantry_model_ready", model="ours", version="1"), 1)
        self.assertGreaterEqual(metric(values, "gantry_slots", model="ours"), 1)
        self.assertEqual(metric(values, "gantry_slots_busy", model="ours"), 0)
        self.assertEqual(metric(values, "gantry_queue_depth"), 0)
        self.assertEqual(metric(values, "gantry_queue_capacity"), 128)
        self.assertEqual(values['gantry_model_queue_depth{model="ours",version="1"}'], 0)
        self.assertEqual(values['gantry_model_queue_capacity{model="ours",version="1"}'], 128)

    def test_hostile_names_do_not_become_series(self):
        before = set(metrics(self.service))
        for i in range(50):
            self.ask(raw_request(GOOD, f"/infer?model=m{i}"))
            self.ask(request("GET", f"/route{i}"))
        new = set(metrics(self.service)) - before
        self.assertFalse([name for name in new if re.search(r'"(m|/route|route)\d+"', name)], new)
        self.assertLess(len(new), 60)

    def test_health(self):
        answer = get(self.service, "/health")
        self.assertEqual(answer.status, 200)
        self.assertEqual((answer.json()["status"], answer.json()["model_loaded"]), ("healthy", True))
        for target in ("/health/live", "/health/ready"):
            reply = get(self.service, target)
            self.assertEqual((reply.status, reply.header("content-type")), (200, "application/json"))
            reply.json()

    def test_the_description_is_a_page_for_browsers_and_json_for_programs(self):
        browser = get(self.service, "/", ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"))
        self.assertEqual(browser.status, 200)
        self.assertRegex(browser.header("content-type"), "^text/html")
        self.assertIn(b"<html", browser.body.lower())
        for headers in ([], [("Accept", "*/*")], [("Accept", "application/json")], [("Accept", "")],
                        [("Accept", "application/json, text/html;q=0.5")]):
            with self.subTest(headers):
                reply = get(self.service, "/", *headers)
                self.assertEqual((reply.status, reply.header("content-type")), (200, "application/json"))
                self.assertIn("/infer", reply.body.decode())
                reply.json()
        for strange in ("text/html;q=0", "a" * 5000, ",,,;;;=", "text/html;q=nan", "*/*;q=999999999999999999999"):
            with self.subTest(strange[:20]):
                self.assertIn(get(self.service, "/", ("Accept", strange)).status, {200, 406})

    def test_openapi_names_every_route(self):
        reply = get(self.service, "/openapi.json")
        self.assertEqual((reply.status, reply.header("content-type")), (200, "application/json"))
        document = reply.json()
        self.assertRegex(document["openapi"], r"^3\.")
        self.assertLessEqual({"/infer", "/health", "/health/live", "/health/ready", "/metrics"}, set(document["paths"]))
        for status in ("200", "400", "404", "413", "415", "422", "429", "503", "504"):
            self.assertIn(status, document["paths"]["/infer"]["post"]["responses"])

    def test_requests_are_logged_with_their_id(self):
        with connect(self.service) as connection:
            connection.ask(request("POST", "/infer", GOOD, [("Content-Type", "image/png"), ("X-Request-Id", "find-me-1")]))
        poll_log(self.service, "find-me-1")

    def test_log_lines_are_json_whatever_a_client_sends(self):
        evil = 'x"}\\n{"level": "error", "message": "forged"}'
        quoted = "".join(f"%{b:02X}" for b in f"{evil}\r\nforged\x1b[31m".encode())
        with connect(self.service) as connection:
            connection.ask(request("GET", "/" + quoted, headers=[("X-Request-Id", "find-me-2")]))
        poll_log(self.service, "find-me-2")
        self.assertTrue(all(isinstance(line, dict) for line in self.service.log), self.service.log)
        self.assertFalse([line for line in self.service.log if line.get("message") == "forged"])


def poll_log(service, text):
    return poll(f"a log line with {text}", lambda: [line for line in list(service.log) if text in json.dumps(line)])


if __name__ == "__main__":
    unittest.main()
