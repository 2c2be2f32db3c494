"""Debian's unmodified libteflon.so on the emulated NPU, for the tests and the table beside this file."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess

import emulated
from emulated import EMULATOR, PRELOAD, SHARED

LIBRARY = "/usr/lib/teflon/libteflon.so"
MODELS = SHARED / "models"
RUN_MODEL = os.environ.get("GANTRY_RUN_MODEL", "")


def roots():
    return sorted(path for path in emulated.NPU_ROOTS.glob("*") if (path / LIBRARY[1:]).exists())


def version_of(root):
    """"26.1": as the library's own bytes have it."""
    release = re.search(rb"\0(2\d\.\d)\.\d+[-0-9a-z.]*\0", (root / LIBRARY[1:]).read_bytes())
    return release[1].decode() if release else "unknown"


def run(*command, options=(), sysroot=None, timeout=300):
    """Runs a command under the emulator, all of it ended after so many seconds. The result has returncode (negative or above
    127: a signal), stdout, stderr and timed_out."""
    words = [EMULATOR, "--status", *options]
    if PRELOAD:
        words += ["--preload", PRELOAD]
    if sysroot:
        words += ["--sysroot", str(sysroot)]
    with subprocess.Popen([*words, "--", *map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          errors="replace", start_new_session=True) as process:
        timed_out = False
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            timed_out = True
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
    done = subprocess.CompletedProcess(process.args, process.returncode, out, err)
    done.timed_out = timed_out
    return done


class RealLibraryTest(emulated.EmulatorTest):
    programs = ()

    def setUp(self):
        super().setUp()
        for program in self.programs:
            if not pathlib.Path(program).exists():
                self.skipTest(f"no arm64 program at {program or '(its variable is not set)'}")
        if shutil.which("qemu-aarch64") is None:
            self.skipTest("no qemu-aarch64")
        if not roots():
            self.skipTest(f"no {LIBRARY} below {emulated.NPU_ROOTS}/*")
