"""gantry-emulator and the programs that run under it, for the tests beside this file."""

import json
import os
import pathlib
import subprocess
import unittest

EMULATOR = os.environ.get("GANTRY_EMULATOR", "")
PRELOAD = os.environ.get("GANTRY_ACCEL_PRELOAD", "")
CLIENT = os.environ.get("GANTRY_NPU_CLIENT", "")
SHARED = pathlib.Path(os.environ.get("GANTRY_SHARED", "../shared"))
# Where ./dev unpacks Mesa's delegate of Debian's suites, with the libraries that it and our programs need.
NPU_ROOTS = pathlib.Path(os.environ.get("GANTRY_NPU_ROOTS", "/nowhere"))


def emulate(*command, options=(), sysroot=None, timeout=300):
    """Runs a command under the emulator; the completed process has .status, what the NPU says that it did."""
    words = [EMULATOR, "--status", *options]
    if PRELOAD:
        words += ["--preload", PRELOAD]
    if sysroot:
        words += ["--sysroot", str(sysroot)]
    done = subprocess.run([*words, "--", *map(str, command)], capture_output=True, text=True, timeout=timeout)
    mark = "gantry-emulator: ok "
    lines = [line for line in done.stderr.splitlines() if mark in line]
    done.status = json.loads(lines[-1][lines[-1].index(mark) + len(mark):]) if lines else {}
    return done


class EmulatorTest(unittest.TestCase):
    def setUp(self):
        if not pathlib.Path(EMULATOR).exists():
            self.skipTest(f"no gantry-emulator for this machine at {EMULATOR or '(GANTRY_EMULATOR is not set)'}")
