"""Starts the program under test and always ends it again. Shared by the end-to-end tests.

The binary is named by GANTRY_BINARY. Pictures are made here, so that the tests need no image library.
"""

import contextlib
import http.client
import json
import os
import pathlib
import signal
import struct
import subprocess
import threading
import unittest
import urllib.parse
import zlib

BINARY = os.environ.get("GANTRY_BINARY", "")
SHARED = pathlib.Path(os.environ.get("GANTRY_SHARED", pathlib.Path(__file__).parents[3] / "shared"))
# Generous: sanitizers and a busy machine are slow, and a test that hangs must end all the same.
TIMEOUT_S = 120


def clean_environment():
    """The environment without anything that would configure gantry."""
    return {k: v for k, v in os.environ.items() if not k.startswith("GANTRY_")}


def gantry(*arguments, stdin=None, env=None, program=(BINARY,)):
    """Runs a command to its end: CompletedProcess with text output (stdin may be bytes). `program` are the words that start
    gantry, where that takes more than its name."""
    done = subprocess.run([*map(str, (*program, *arguments))], input=stdin, capture_output=True, timeout=TIMEOUT_S,
                          env={**clean_environment(), **(env or {})})
    done.stdout = done.stdout.decode()
    done.stderr = done.stderr.decode()
    return done


def png(width, height, rgb=(200, 120, 40)):
    """A PNG of one colour."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compressobj(1)
    row = b"\0" + bytes(rgb) * width
    data = b"".join(rows.compress(row) for _ in range(height)) + rows.flush()
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", data) + chunk(b"IEND", b""))


class NotReady(AssertionError):
    """The service ended, or hung, before it was ready."""


class Service:
    """`gantry serve` on a free port of the loopback; `with Service("--model", path) as service:`; program as above."""

    def __init__(self, *arguments, env=None, program=(BINARY,)):
        self._arguments = [*map(str, (*program, "serve", "--listen", "127.0.0.1:0", *arguments))]
        self._env = {**clean_environment(), **(env or {})}
        self.log = []  # lines of stderr: decoded JSON where they are, else text
        self._new_line = threading.Condition()

    def __enter__(self):
        self.process = subprocess.Popen(self._arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        env=self._env)
        self.stdout = []
        self._readers = [threading.Thread(target=self._read_log), threading.Thread(target=self._read_stdout)]
        for reader in self._readers:
            reader.start()
        try:
            self.url = self.wait_for_log("ready")["url"]
            self.address = urllib.parse.urlsplit(self.url).netloc
        except AssertionError as error:
            self.__exit__(None, None, None)
            raise NotReady(str(error)) from None
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_):
        if None not in self.log:  # its stderr is open, so it runs
            self.process.kill()  # this process, by its id
        self.process.wait(TIMEOUT_S)
        for reader in self._readers:
            reader.join()
        self.process.stdout.close()
        self.process.stderr.close()

    def _read_log(self):
        for line in self.process.stderr:
            try:
                entry = json.loads(line)
            except ValueError:
                entry = line.rstrip("\n")
            with self._new_line:
                self.log.append(entry)
                self._new_line.notify_all()
        with self._new_line:
            self.log.append(None)  # the end
            self._new_line.notify_all()

    def _read_stdout(self):
        for line in self.process.stdout:
            self.stdout.append(line)

    def wait_for_log(self, message):
        """The first log line whose message begins like that."""
        def found():
            return next((e for e in self.log
                         if e is None or (isinstance(e, dict) and e.get("message", "").startswith(message))), False)

        with self._new_line:
            entry = self._new_line.wait_for(lambda: found() is not False, TIMEOUT_S) and found()
        if not entry:
            raise AssertionError(f"no log line {message!r}: {self.log}")
        return entry

    def signal(self, number=signal.SIGTERM):
        os.kill(self.process.pid, number)

    def stop(self):
        """SIGTERM, then its exit code."""
        self.signal()
        return self.process.wait(TIMEOUT_S)

    @contextlib.contextmanager
    def connection(self):
        connection = http.client.HTTPConnection(self.address, timeout=TIMEOUT_S)
        try:
            yield connection
        finally:
            connection.close()

    def request(self, method, target, body=None, headers=None):
        """(status, headers, body) of one request on a connection of its own."""
        with self.connection() as connection:
            connection.request(method, target, body, headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()

    def infer(self, image, query=""):
        status, _, body = self.request("POST", "/infer" + query, image, {"Content-Type": "image/png"})
        return status, json.loads(body)


class GantryTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not BINARY:
            raise unittest.SkipTest("GANTRY_BINARY names no program")

    def assert_exit(self, done, code):
        self.assertEqual(done.returncode, code, f"{done.args}\n{done.stdout}\n{done.stderr}")


def shared(relative):
    """A file of ../shared; the test is skipped where that is absent."""
    path = SHARED / relative
    if not path.exists():
        raise unittest.SkipTest(f"needs {relative} of ../shared, which is not here")
    return path
