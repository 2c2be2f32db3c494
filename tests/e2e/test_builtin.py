"""The model that comes with the program: it is the default, it is found beside an installed program, and it is right."""

import http.client
import json
import pathlib
import shutil
import subprocess
import tempfile
import unittest
import urllib.request

from gantry_process import BINARY, GantryTest, clean_environment, gantry
from raw_http import poll
from served import start

SAMPLES = pathlib.Path(__file__).resolve().parents[2] / "models/builtin/samples"
EXPECTED = json.loads((SAMPLES / "samples.json").read_text())


def installed_as(prefix, with_model):
    """The program below `prefix` as `cmake --install` puts it there; its path."""
    program = prefix / "bin/gantry"
    program.parent.mkdir(parents=True)
    shutil.copy2(BINARY, program)
    if with_model:
        shutil.copytree(SAMPLES.parent, prefix / "share/gantry/builtin")
    return program


def run(program, *arguments):
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=120,
                          env=clean_environment())


class BuiltinTest(GantryTest):
    def test_there_are_samples(self):
        self.assertGreaterEqual(len(EXPECTED), 12)
        self.assertEqual(sorted(EXPECTED), sorted(p.name for p in SAMPLES.glob("*.jpg")))

    def test_the_service_without_a_model_names_every_sample(self):
        with start() as service:
            for name, label in EXPECTED.items():
                with self.subTest(name):
                    request = urllib.request.Request(f"http://{service.address}/infer", (SAMPLES / name).read_bytes(),
                                                     {"Content-Type": "image/jpeg"})
                    answer = json.load(urllib.request.urlopen(request, timeout=120))
                    self.assertEqual(answer["model"], "builtin")
                    best, second = answer["predictions"][:2]
                    self.assertEqual(best["label"], label)
                    self.assertGreater(best["probability"], second["probability"] + 0.25)

    def test_run_without_a_model_names_every_sample(self):
        done = gantry("run", "--json", *[SAMPLES / name for name in EXPECTED])
        self.assertEqual(done.returncode, 0, done.stderr)
        results = json.loads(done.stdout)["results"]
        self.assertEqual([r["predictions"][0]["label"] for r in results], list(EXPECTED.values()))

    def test_it_goes_by_its_name(self):
        done = gantry("run", "builtin", SAMPLES / "cat.jpg", "--json")
        self.assertEqual(json.loads(done.stdout)["results"][0]["predictions"][0]["label"], "cat")
        self.assertEqual(gantry("run", "--model", "builtin", SAMPLES / "cat.jpg").returncode, 0)

    def test_bench_without_a_model_measures_it(self):
        done = gantry("bench", "--runs", "1", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(json.loads(done.stdout)["model"]["path"].endswith("classifier.tflite"))

    def test_the_printed_command_gets_a_right_answer(self):
        with start() as service:
            lines = []
            poll("the printed command", lambda: lines.extend(x for x in service.stdout if "curl" in x) or lines)
            line = lines[0]
            path = line.split("image=@")[1].split()[0]
            connection = http.client.HTTPConnection(service.address, timeout=120)
            connection.request("POST", "/infer", pathlib.Path(path).read_bytes(), {"Content-Type": "image/jpeg"})
            answer = json.load(connection.getresponse())
            connection.close()
        self.assertEqual(answer["predictions"][0]["label"], EXPECTED[pathlib.Path(path).name])


class InstalledTest(GantryTest):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="gantry-installed-")
        self.addCleanup(folder.cleanup)
        self.prefix = pathlib.Path(folder.name)

    def test_an_installed_program_finds_it(self):
        done = run(installed_as(self.prefix, with_model=True), "run", SAMPLES / "apple.jpg", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["results"][0]["predictions"][0]["label"], "apple")

    def test_a_program_by_itself_says_that_it_is_missing(self):
        program = installed_as(self.prefix, with_model=False)
        for command in (["serve", "--listen", "127.0.0.1:0"], ["bench"], ["run", SAMPLES / "apple.jpg"]):
            with self.subTest(command[0]):
                done = run(program, *command)
                self.assertEqual(done.returncode, 3, done.stderr)
                self.assertIn("built-in model is not installed", done.stderr)
                self.assertIn("gantry models list", done.stderr)


if __name__ == "__main__":
    unittest.main()
