"""Starts what is measured and what measures, and always ends it again."""

import contextlib
import importlib.util
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
# A start takes well below a second; on a machine that does something else, more.
START_TIMEOUT_S = 60


class Failed(Exception):
    """A program did not do what it was asked; the text is for a person."""


def clean_environment():
    """The environment without anything that would configure gantry."""
    return {k: v for k, v in os.environ.items() if not k.startswith("GANTRY_")}


class Programs:
    """Where the programs of one build folder are, and how to run them."""

    def __init__(self, build):
        self.gantry = build / "apps/gantry/gantry"
        self.http_load = build / "tests/bench/http_load"
        self.hello_server = build / "tests/bench/hello_server"
        self.make_test_model = build / "tests/support/make_test_model"
        missing = [str(p) for p in vars(self).values() if not p.exists()]
        if missing:
            raise Failed(f"not built: {', '.join(missing)}; run ./dev build release")

    def run(self, *command, timeout=1200):
        """Runs a program to its end; its standard output."""
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=timeout,
                              env=clean_environment())
        if done.returncode != 0:
            raise Failed(f"{' '.join(map(str, command))} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def bench(self, model, *arguments):
        return json.loads(self.run(self.gantry, "bench", model, "--json", "--target", "0", *arguments))

    def load(self, port, *arguments):
        """Load on a port; every answer has to be a good one."""
        report = json.loads(self.run(self.http_load, "--port", port, *arguments))
        bad = {status: count for status, count in report["statuses"].items() if not status.startswith("2")}
        if bad or report["failed"] or not report["requests"]:
            raise Failed(f"load on port {port}: want only 2xx, got {report['statuses']}, {report['failed']} failed")
        return report

    def make_identity_model(self, path, side=8):
        self.run(self.make_test_model, "identity", side, side, path)
        return path

    def make_large_jpeg(self, shared, path, *arguments):
        """A 12-megapixel one; arguments as those of pillow_baseline.py make."""
        self.run(sys.executable, HERE / "pillow_baseline.py", "make", shared / "images/cat_1080p.jpg", path, *arguments)
        return path

    def serve(self, model, *arguments):
        return Service([self.gantry, "serve", "--listen", "127.0.0.1:0", "--model", model, "--log-format", "json",
                        *arguments])

    def hello(self):
        return Hello([self.hello_server, "0"])

    def flask(self, model, threads):
        port = free_port()
        return Flask([sys.executable, HERE / "flask_baseline/server.py", "--model", model, "--threads", threads,
                      "--port", port], port)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def has_modules(*names):
    return all(importlib.util.find_spec(name) for name in names)


def wait_for(condition, process, what, pause_s):
    """The first true value of `condition()`."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while not (value := condition()):
        if process.poll() is not None:
            raise Failed(f"{what} ended with {process.returncode} instead of starting")
        if time.monotonic() > deadline:
            raise Failed(f"{what} was not ready after {START_TIMEOUT_S} s")
        time.sleep(pause_s)
    return value


def get_status(port, path):
    """The status of a GET on a connection of its own, or None where nobody listens."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n".encode())
            return int(connection.recv(4096)[9:12])
    except (OSError, ValueError):
        return None


class Process:
    """A server under test: `with programs.serve(…) as service: service.port`."""

    def __init__(self, command):
        self._command = [str(c) for c in command]

    def __enter__(self):
        # A file and not a pipe, which would stop the server once it is full.
        with tempfile.NamedTemporaryFile(prefix="gantry-bench-", suffix=".log", delete=False) as log:
            self._log = pathlib.Path(log.name)
            self.process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=clean_environment())
        try:
            wait_for(self._is_ready, self.process, self._command[0], 0.001)
        except BaseException as error:
            said = self._log.read_text(errors="replace")[-2000:].strip()
            self.__exit__()
            if isinstance(error, Failed):
                raise Failed(f"{error}: {said}") from error
            raise
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=20)
            if self.process.poll() is None:
                self.process.kill()
        self.process.wait()
        self._log.unlink()

    def _log_lines(self):
        """The whole lines said so far."""
        return self._log.read_text(errors="replace").split("\n")[:-1]

    def resident_bytes(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024


def port_of(url):
    return int(url.rstrip("/").rsplit(":", 1)[1])


class Service(Process):
    """`gantry serve`; its log says where it listens and how many slots and threads it took."""

    def _is_ready(self):
        for line in self._log_lines():
            with contextlib.suppress(ValueError):
                entry = json.loads(line)
                if "url" in entry:
                    self.port = port_of(entry["url"])
                    self.slots, self.threads = int(entry["slots"]), int(entry["threads_per_slot"])
                    return True
        return False


class Hello(Process):
    """hello_server prints its URL."""

    def _is_ready(self):
        for line in self._log_lines():
            self.port = port_of(line)
            return True
        return False


class Flask(Process):
    """The plan's service; asked until it answers."""

    def __init__(self, command, port):
        super().__init__(command)
        self.port = port

    def _is_ready(self):
        return get_status(self.port, "/health") == 200
