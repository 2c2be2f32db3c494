"""`gantry serve` as a process: start, answers, the way it ends."""

import contextlib
import json
import http.client
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import threading
import unittest

from gantry_process import BINARY, TIMEOUT_S, GantryTest, Service, clean_environment, gantry, png
from models import classifier

# Decoding 60 million pixels takes a good part of a second: such a request is in the works when a signal comes.
BIG = (10_000, 6_000)


class Start(GantryTest):
    def test_prints_what_to_try_and_how_to_stop(self):
        with Service("--model", classifier(), env={"GANTRY_EXAMPLE_IMAGE": "my photo.jpg"}) as service:
            self.assertEqual(service.stop(), 0)
        text = "".join(service.stdout)
        self.assertIn(f"curl -F 'image=@my photo.jpg' {service.url}/infer", text)
        self.assertIn(f"{service.url}/\n", text)
        self.assertIn("Ctrl-C", text)

    def test_answers_a_picture_health_and_metrics(self):
        with Service("--model", classifier(), "--model-name", "ours") as service:
            status, answer = service.infer(png(30, 20), "?top_k=1")
            self.assertEqual(status, 200, answer)
            self.assertEqual(answer["model"], "ours")
            self.assertEqual(len(answer["predictions"]), 1)
            for target in ("/health", "/health/live", "/health/ready", "/metrics", "/", "/openapi.json"):
                self.assertEqual(service.request("GET", target)[0], 200, target)
            self.assertEqual(service.stop(), 0)

    def test_limits_reach_the_server(self):
        with Service("--model", classifier(), "--max-body", "1K", "--max-side", "50") as service:
            self.assertEqual(service.infer(b"x" * 2000)[0], 413)
            status, answer = service.infer(png(60, 1))
            self.assertEqual(status, 413, answer)
            self.assertEqual(service.infer(png(20, 20))[0], 200)

    def test_every_thread_stays_on_the_cpus_asked_for(self):
        last = max(os.sched_getaffinity(0))
        with Service("--model", classifier(), "--cpus", last, "--log-format", "json") as service:
            self.assertEqual(service.infer(png(300, 300))[0], 200)
            ready = service.wait_for_log("ready")
            self.assertEqual((ready["cpus"], ready["slots"]), (str(last), 1))
            allowed = {re.search(r"Cpus_allowed_list:\s+(\S+)", status.read_text())[1]
                       for status in pathlib.Path(f"/proc/{service.process.pid}/task").glob("*/status")}
            self.assertEqual(allowed, {str(last)})

    def test_cpus_that_are_not_there_are_3_and_a_bad_list_is_2(self):
        done = gantry("serve", "--model", classifier(), "--cpus", "1023")
        self.assert_exit(done, 3)
        self.assertIn("none of these CPUs is there", done.stderr)
        done = gantry("serve", "--model", classifier(), "--cpus", "little")
        self.assert_exit(done, 2)
        self.assertIn("--cpus: want numbers of CPUs such as 4-7", done.stderr)

    def test_listens_on_ipv6(self):
        try:
            with socket.create_server(("::1", 0), family=socket.AF_INET6):
                pass
        except OSError as error:
            self.skipTest(f"no IPv6 on this machine: {error}")
        with Service("--model", classifier(), "--listen", "[::1]:0") as service:
            self.assertTrue(service.url.startswith("http://[::1]:"))
            self.assertEqual(service.request("GET", "/health")[0], 200)

    def test_a_taken_port_is_3_and_named(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            done = gantry("serve", "--model", classifier(), "--listen", f"127.0.0.1:{port}")
        self.assert_exit(done, 3)
        self.assertIn(f"127.0.0.1:{port}", done.stderr)
        self.assertIn("--listen", done.stderr)


class Stop(GantryTest):
    def start_big_requests(self, service):
        """Sends so many requests at once that work is left whenever a signal comes."""
        picture = png(*BIG)

        def ask():
            with contextlib.suppress(OSError, http.client.HTTPException):
                service.infer(picture)

        threads = [threading.Thread(target=ask) for _ in range(10)]
        for thread in threads:
            thread.start()
        while b"gantry_requests_in_progress 0" in service.request("GET", "/metrics")[2]:
            self.assertTrue(any(thread.is_alive() for thread in threads))
        return threads

    def start_big_request(self, service):
        """Sends a request that takes its time; its answer arrives in the list."""
        answers = []

        def ask():
            try:
                answers.append(service.infer(png(*BIG)))
            except (OSError, http.client.HTTPException) as error:
                answers.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        while b"gantry_requests_in_progress 1" not in service.request("GET", "/metrics")[2]:
            self.assertTrue(asking.is_alive(), answers)
        return asking, answers

    def test_sigterm_and_sigint_end_it_with_0(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number), Service("--model", classifier()) as service:
                service.signal(number)
                self.assertEqual(service.process.wait(TIMEOUT_S), 0)
                self.assertEqual(service.wait_for_log("stopping")["signal"], number.name)

    def test_a_request_in_flight_is_answered_before_it_ends(self):
        with Service("--model", classifier()) as service:
            asking, answers = self.start_big_request(service)
            service.signal()
            service.wait_for_log("stopping")
            asking.join()
            self.assertEqual(answers[0][0], 200, answers)
            self.assertEqual(service.process.wait(TIMEOUT_S), 0)

    def test_new_connections_are_refused_while_it_drains(self):
        with Service("--model", classifier()) as service:
            asking, answers = self.start_big_request(service)
            service.signal()
            asking.join()
            service.process.wait(TIMEOUT_S)
            with self.assertRaises(OSError):
                service.request("GET", "/health")
            self.assertEqual(answers[0][0], 200, answers)

    def test_a_second_signal_ends_it_at_once_with_3(self):
        with Service("--model", classifier()) as service:
            asking = self.start_big_requests(service)
            service.signal()
            service.wait_for_log("stopping")
            service.signal()
            self.assertEqual(service.process.wait(TIMEOUT_S), 3)
            for thread in asking:
                thread.join()

    def test_a_drain_that_takes_too_long_is_3(self):
        with Service("--model", classifier(), "--drain-timeout", "1ms") as service:
            asking = self.start_big_requests(service)
            service.signal()
            self.assertEqual(service.process.wait(TIMEOUT_S), 3)
            for thread in asking:
                thread.join()


if __name__ == "__main__":
    unittest.main()
