"""`gantry` for arm64 with Debian's unmodified libteflon.so on the emulated NPU, for the tests beside this file."""

import json
import pathlib
import subprocess
import tempfile

import real_library
from emulated import EMULATOR, PRELOAD
from gantry_process import BINARY, GantryTest, Service, clean_environment, gantry
from raw_http import poll


def words(root, *options):
    """What starts gantry with the NPU, and with the libraries of this root."""
    preload = ["--preload", PRELOAD] if PRELOAD else []
    return [EMULATOR, *preload, "--sysroot", root, *options, "--", BINARY]


def run(root, *arguments, options=()):
    """Runs one command of gantry to its end: a CompletedProcess with text output."""
    return gantry(*arguments, program=words(root, *options))


def control(state, *command):
    """Tells the NPU something, as `gantry-emulator control` does; what it answers, "" if it is not there (yet)."""
    return subprocess.run([EMULATOR, "control", "--socket", f"{state}/control.sock", *command], capture_output=True, text=True,
                          check=False, env=clean_environment()).stdout


class EmulatedService(Service):
    """`gantry serve` with an NPU that can be told to fail."""

    def __init__(self, root, *arguments, options=()):
        # Under user-mode emulation of a busy machine everything takes its time, on the CPU above all.
        super().__init__("--request-timeout", "10m", "--trial-timeout", "5m", "--npu-proof-timeout", "5m", *arguments,
                         program=words(root, "--state", self._make_state(), *options))

    def _make_state(self):
        self._state = tempfile.TemporaryDirectory()  # of the emulator: its sockets
        return self._state.name

    def __exit__(self, *exception):
        super().__exit__(*exception)
        self._state.cleanup()

    def control(self, *command):
        answer = control(self._state.name, *command)
        assert answer, command
        return answer

    def workers(self):
        """Process ids of the slot workers, whatever stands between them and us."""
        found, waiting = [], [self.process.pid]
        while waiting:
            folder = pathlib.Path(f"/proc/{waiting.pop()}")
            try:
                children = [int(pid) for file in folder.glob("task/*/children") for pid in file.read_text().split()]
                waiting += children
                found += [pid for pid in children if b"\0slot-worker\0" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()]
            except (FileNotFoundError, ProcessLookupError):
                continue  # ended meanwhile
        return found


class EmulatedGantryTest(real_library.RealLibraryTest, GantryTest):
    programs = (BINARY,)

    def serve(self, root, *arguments, options=()):
        return self.enterContext(EmulatedService(root, *arguments, options=options))

    def wait_for(self, service, condition):
        """Asks /health until the model is so."""
        return poll("the model's state in /health", lambda: condition(model_of(service)))


def model_of(service):
    status, _, body = service.request("GET", "/health")
    assert status in (200, 503), body
    return json.loads(body)["models"][0]
