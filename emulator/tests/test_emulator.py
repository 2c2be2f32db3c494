"""The device as a program sees it that makes Mesa's calls: npu_client runs one job and prints "right" or "wrong"."""

import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

import emulated
from emulated import CLIENT, EMULATOR, emulate


def words(done):
    return [line.split()[0] for line in done.stdout.splitlines()]


class Device(emulated.EmulatorTest):
    def test_computes_the_worked_example(self):
        done = emulate(CLIENT, 3)
        self.assertEqual((done.returncode, words(done)), (0, ["right"] * 3), done.stderr)
        self.assertEqual(done.status["jobs"], 3)
        self.assertEqual(done.status["failed"], 0)

    def test_without_the_emulator_there_is_no_device(self):
        done = subprocess.run([CLIENT], capture_output=True, text=True)
        if pathlib.Path("/dev/accel/accel0").exists():
            self.skipTest("this machine has an NPU")
        self.assertEqual((done.returncode, done.stdout), (1, "stat: ENOENT\n"))

    def test_every_mode(self):
        self.assertEqual(words(emulate(CLIENT, options=["--mode", "quirks"])), ["right"])
        timing = emulate(CLIENT, 2, options=["--mode", "timing", "--time-scale", "50"])
        self.assertEqual(words(timing), ["wrong", "wrong"])  # takes its time, and computes nothing
        self.assertGreater(timing.status["busy_seconds"][0], 2 * 50 * 75e-6)


class Faults(emulated.EmulatorTest):
    def check(self, fault, code, expected, runs=3):
        done = emulate(CLIENT, runs, options=["--fault", fault])
        self.assertEqual((done.returncode, words(done)), (code, expected), (fault, done.stdout, done.stderr))
        return done

    def test_absent(self):
        self.assertEqual(self.check("absent", 1, ["stat:"]).stdout, "stat: ENOENT\n")

    def test_eacces(self):
        self.assertEqual(self.check("eacces", 1, ["open:"]).stdout, "open: EACCES\n")

    def test_vanishes_at_run_time(self):
        done = self.check("vanish:after=1", 1, ["right", "PREP_BO:"])
        self.assertIn("ENODEV", done.stdout)

    def test_a_job_is_lost_in_silence(self):
        self.check("lose-job:after=1,count=1", 2, ["right", "wrong", "right"])

    def test_one_channel_is_wrong(self):
        self.check("wrong-channel=0:count=1", 2, ["wrong", "right", "right"])
        self.check("wrong-channel=5", 0, ["right"] * 3)  # one that the client does not look at

    def test_slow(self):
        done = self.check("slow=50", 0, ["right"] * 3)
        self.assertTrue(all(int(line.split()[1]) >= 50_000 for line in done.stdout.splitlines()), done.stdout)

    def test_hangs_to_the_watchdog(self):
        done = self.check("hang:count=1", 2, ["wrong", "right"], runs=2)
        self.assertGreaterEqual(int(done.stdout.split()[1]), 500_000)
        self.assertEqual(done.status["timeouts"], 1)

    def test_submit_fails(self):
        self.assertEqual(self.check("submit-error=ENOMEM", 1, ["SUBMIT:"]).stdout, "SUBMIT: ENOMEM\n")

    def test_buffers_fail(self):
        self.assertEqual(self.check("create-error", 1, ["CREATE_BO:"]).stdout, "CREATE_BO: ENOMEM\n")

    def test_switched_at_run_time(self):
        script = f"""
            {CLIENT}; {EMULATOR} control fault lose-job; {CLIENT}; {EMULATOR} control clear; {CLIENT}
            {EMULATOR} control vanish; {CLIENT}; {EMULATOR} control clear; {CLIENT}
        """
        done = emulate("sh", "-c", script)
        self.assertEqual([word for word in words(done) if word != "ok"],
                         ["right", "wrong", "right", "stat:", "right"], done.stderr)


class Program(emulated.EmulatorTest):
    def test_hands_the_exit_code_on(self):
        self.assertEqual(emulate("sh", "-c", "exit 7").returncode, 7)
        self.assertEqual(emulate("sh", "-c", "kill -9 $$").returncode, 128 + signal.SIGKILL)

    def test_usage(self):
        for options, code in ((["--fault", "nonsense"], 2), (["--mode", "fast"], 2)):
            self.assertEqual(emulate("true", options=options).returncode, code)
        self.assertEqual(emulate("/no/such/program").returncode, 3)

    def test_the_system_root(self):
        done = emulate("cat", "{root}/sys/kernel/debug/clk/scmi_clk_npu/clk_rate", "{root}/proc/sys/kernel/osrelease",
                       options=["--clock-mhz", "600"])
        self.assertEqual(done.stdout, "600000000\n6.18.12-gantry-emulator\n")

    def test_folders_and_links_of_the_node(self):
        done = emulate("sh", "-c", "ls /dev/accel; test -c /dev/accel/accel0 && stat -c '%F %t:%T' /dev/accel/accel0")
        self.assertEqual(done.stdout, "accel0\ncharacter special file 105:0\n", done.stderr)

    def test_leaves_nothing_behind(self):
        with tempfile.TemporaryDirectory() as folder:
            done = emulate("sh", "-c", "echo $GANTRY_EMULATOR_ROOT")
            self.assertFalse(pathlib.Path(done.stdout.strip()).exists())
            self.assertEqual(emulate("true", options=["--state", folder]).returncode, 0)
            self.assertTrue((pathlib.Path(folder) / "root/proc/modules").exists())

    def test_a_signal_ends_the_command_and_then_the_emulator(self):
        with subprocess.Popen([EMULATOR, "--preload", emulated.PRELOAD, "--", "sleep", "60"]) as running:
            time.sleep(0.3)  # either way it must end: this only makes it likely that sleep runs by then
            running.send_signal(signal.SIGTERM)
            self.assertEqual(running.wait(timeout=20), 128 + signal.SIGTERM)


if __name__ == "__main__":
    unittest.main()
