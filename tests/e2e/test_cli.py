"""What every command has in common: help, version, exit codes, settings."""

import pathlib
import tempfile
import unittest

from gantry_process import GantryTest, gantry


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
                                (["run", "--config", "/nowhere.toml", "m.tflite", "x"], "/nowhere.toml")):
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


if __name__ == "__main__":
    unittest.main()
