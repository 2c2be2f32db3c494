"""What every command has in common: help, version, exit codes, settings."""

import os
import pathlib
import signal
import stat
import subprocess
import tempfile
import unittest

from gantry_process import BINARY, TIMEOUT_S, GantryTest, clean_environment, gantry, png


class Usage(GantryTest):
    def test_help_of_the_program_names_the_commands(self):
        done = gantry("--help")
        self.assert_exit(done, 0)
        for word in ("serve", "run", "bench", "inspect", "models", "Examples:", "Exit codes"):
            self.assertIn(word, done.stdout)
        self.assertNotIn("trial", done.stdout)

    def test_help_of_each_command_ends_with_examples(self):
        for command in (["serve"], ["run"], ["bench"], ["bench", "compare"], ["inspect"]):
            with self.subTest(command):
                done = gantry(*command, "--help")
                self.assert_exit(done, 0)
                self.assertIn(f"gantry {command[0]}", done.stdout[done.stdout.index("Examples:"):])
                self.assertLess(max(map(len, done.stdout.splitlines())), 121)

    def test_version_names_both_programs(self):
        done = gantry("--version")
        self.assert_exit(done, 0)
        self.assertRegex(done.stdout, r"^gantry \d+\.\d+\.\d+ \(TensorFlow Lite \d+\.\d+\.\d+\)\n$")

    def test_wrong_usage_is_2_and_says_what_was_wanted(self):
        for arguments, text in ((["fly"], "want one of the commands"), (["serve", "--slots", "many"], "--slots"),
                                (["run"], "picture"), (["run", "m.tflite"], "picture"),
                                (["bench", "a", "b"], "one model"),
                                (["bench", "compare", "a"], "two files"), (["serve", "--listne", "x"], "--listen"),
                                (["serve", "--listen", "here"], "127.0.0.1:8080"),
                                (["serve", "--max-body", "big"], "32M"), (["serve", "--idle-timeout", "-3"], "10s"),
                                (["run", "--std", "0", "m.tflite", "x"], "above 0"),
                                (["run", "--config", "/nowhere.toml", "m.tflite", "x"], "/nowhere.toml"),
                                (["serve", "--config", "/"], "/: want a regular file"),
                                (["serve", "--model", ""], "--model: want a model"),
                                (["run", "--model", "", "x.png"], "--model: want a model"),
                                (["bench", "--model", ""], "--model: want a model"),
                                (["bench", ""], "want a model"), (["inspect", ""], "want a model")):
            with self.subTest(arguments):
                done = gantry(*arguments)
                self.assert_exit(done, 2)
                self.assertIn(text, done.stderr)
                self.assertEqual(done.stdout, "")

    def test_nothing_at_all_is_wrong_usage_with_help(self):
        done = gantry()
        self.assert_exit(done, 2)
        self.assertIn("Commands:", done.stderr)

    def test_output_that_is_no_terminal_has_no_colours(self):
        for arguments in (["--help"], ["serve", "--slots", "x"]):
            done = gantry(*arguments)
            self.assertNotIn("\x1b", done.stdout + done.stderr)

    def test_a_missing_model_is_3_and_named(self):
        for arguments in (["run", "/nowhere/m.tflite", "x.png"], ["bench", "/nowhere/m.tflite"],
                          ["serve", "--model", "/nowhere/m.tflite", "--listen", "127.0.0.1:0"]):
            with self.subTest(arguments):
                done = gantry(*arguments)
                self.assert_exit(done, 3)
                self.assertIn("/nowhere/m.tflite", done.stderr)

    def test_option_wins_over_variable_and_variable_over_file(self):
        with tempfile.TemporaryDirectory() as folder:
            config = pathlib.Path(folder) / "gantry.toml"
            config.write_text('[bench]\nmodel = "/file.tflite"\n')
            self.assertIn("/file.tflite", gantry("bench", "--config", config).stderr)
            env = {"GANTRY_CONFIG": str(config), "GANTRY_MODEL": "/variable.tflite"}
            self.assertIn("/variable.tflite", gantry("bench", env=env).stderr)
            self.assertIn("/option.tflite", gantry("bench", "--model", "/option.tflite", env=env).stderr)

    def test_an_empty_variable_counts_as_none(self):
        self.assert_exit(gantry("inspect", env={"GANTRY_MODEL": ""}), 0)
        with tempfile.TemporaryDirectory() as folder:
            config = pathlib.Path(folder) / "gantry.toml"
            config.write_text('[bench]\nmodel = ""\n')
            done = gantry("bench", "--config", config)
            self.assert_exit(done, 2)
            self.assertIn(f"{config}: model: want a model", done.stderr)


def in_shell(script):
    """The words that start gantry by a shell which does something first."""
    return "sh", "-c", script + '; exec "$0" "$@"', BINARY


class Output(GantryTest):
    def setUp(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.full = folder / "full"  # a node of our own: a program that replaces its output must not replace the system's
        self.picture = folder / "x.png"
        self.picture.write_bytes(png(32, 32))
        self.link = folder / "stdout"
        self.link.symlink_to("/proc/self/fd/1")

    def make_full(self):
        try:
            os.mknod(self.full, 0o666 | stat.S_IFCHR, os.makedev(1, 7))
            self.full.open("wb").close()
        except OSError as error:
            self.skipTest(f"needs a device node that is always full: {error}")

    def test_output_that_is_lost_is_3_and_named(self):
        self.make_full()
        for arguments in (["--help"], ["--version"], ["run", "--help"], ["run", self.picture], ["run", "--json", self.picture],
                          ["inspect"], ["inspect", "--json"], ["bench", "--runs", "1"], ["models", "list"],
                          ["models", "list", "--json"], ["doctor"], ["doctor", "--json"]):
            with self.subTest(arguments):
                done = gantry(*arguments, program=in_shell('exec >"$FULL"'), env={"FULL": str(self.full)})
                self.assert_exit(done, 3)
                command = "" if arguments[0].startswith("-") else " " + arguments[0]
                self.assertIn(f"gantry{command}: error: standard output can't be written: No space left on device",
                              done.stderr)
                self.assertNotIn("bug", done.stderr)

    def test_who_stops_reading_is_no_error(self):
        for first, code in ((None, -signal.SIGPIPE), (lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN), 0)):
            reading, writing = os.pipe()
            os.close(reading)
            with self.subTest(code), os.fdopen(writing, "wb") as pipe:
                done = subprocess.run([BINARY, "--help"], stdout=pipe, stderr=subprocess.PIPE, env=clean_environment(),
                                      timeout=TIMEOUT_S, restore_signals=first is None, preexec_fn=first)
                self.assert_exit(done, code)
                self.assertEqual(done.stderr, b"")

    def test_a_service_whose_output_nobody_reads_ends_as_any(self):
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "wb") as pipe:
            service = subprocess.Popen([BINARY, "serve", "--listen", "127.0.0.1:0", "--log-format", "text"], stdout=pipe,
                                       stderr=subprocess.PIPE, text=True, env=clean_environment())
        with service:
            log = []
            for line in service.stderr:
                log.append(line)
                if "stopping" not in line and "http://" in line:
                    service.terminate()
            self.assertEqual(service.wait(TIMEOUT_S), 0, log)

    def test_a_closed_output_is_not_taken_for_another_file(self):
        for arguments in (["--help"], ["run", self.picture], ["bench", "--runs", "1"]):
            with self.subTest(arguments):
                done = gantry(*arguments, program=in_shell("exec >&-"))
                self.assert_exit(done, 3)
                self.assertIn("standard output can't be written: Bad file descriptor", done.stderr)
        done = gantry("inspect", self.picture, program=in_shell("exec <&- >&- 2>&-"))
        self.assert_exit(done, 3)

    def test_a_file_that_is_stdout_is_written_behind_the_text(self):
        done = gantry("inspect", "--html", self.link)
        self.assert_exit(done, 0)
        self.assertTrue(self.link.is_symlink())
        self.assertLess(0, done.stdout.index("<!doctype html>"))


@unittest.skipIf(float(os.environ.get("GANTRY_TEST_SLOW", "1")) > 1, "sanitizers need what is limited here")
class Limits(GantryTest):
    def test_a_thread_that_cannot_be_made_is_3_and_says_what_to_do(self):
        # Each thread's stack would be as large as the address space, nearly.
        for arguments in (["serve", "--listen", "127.0.0.1:0"], ["bench", "--runs", "1"],
                          ["bench", "--runs", "1", "--slots", "2", "--no-trial"]):
            with self.subTest(arguments):
                done = gantry(*arguments, program=in_shell(f"ulimit -s {1 << 37}"))
                self.assert_exit(done, 3)
                self.assertRegex(done.stderr, f"^gantry {arguments[0]}: error: .*a thread can't be started: "
                                              "Resource temporarily unavailable")
                self.assertIn("ulimit -u", done.stderr)
                self.assertNotIn("bug", done.stderr)
                self.assertNotIn("whole TensorFlow Lite model", done.stderr)

    def test_too_few_descriptors_are_3_and_end(self):
        for count, text in ((4, "signals can't be waited for: Too many open files"), (5, "/nowhere.tflite")):
            with self.subTest(count):
                done = gantry("serve", "--model", "/nowhere.tflite", program=in_shell(f"ulimit -n {count}"))
                self.assert_exit(done, 3)
                self.assertIn(f"gantry serve: error: {text}", done.stderr)


if __name__ == "__main__":
    unittest.main()
