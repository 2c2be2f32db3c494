"""`gantry models`: pulling from servers that fail, and what is then on the disk. Nothing here needs a network."""

import hashlib
import io
import json
import os
import pathlib
import pty
import shutil
import signal
import subprocess
import tarfile
import tempfile
import threading
import time
import unittest

from faulty_server import (FaultyServer, announced, cut, drip, other_range, redirect, silence, stall, status, whole)
from gantry_process import BINARY, GantryTest, SHARED, Service, TIMEOUT_S, clean_environment, gantry, png
from models import classifier

# The proxy of the machine that the tests run on has no business here.
ENVIRONMENT = {"no_proxy": "*", "NO_PROXY": "*"}


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def tgz(members):
    """A .tgz of (name or TarInfo, bytes)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, data in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def entry(url, sha="unknown", size=None, name="tiny", archive="", labels='from = "none"'):
    """One [[model]] of a manifest."""
    return f"""
[[model]]
name = "{name}"
title = "A model for tests"
task = "classification"
licence = "CC0"
origin = "made here"
input = "uint8 [1,8,8,3]"
[model.download]
url = "{url}"
sha256 = "{sha}"
{f'bytes = {size}' if size else ''}
{archive}
[model.labels]
{labels}
[model.npu]
verdict = "untested"
note = "made for tests"
"""


class ModelsTest(GantryTest):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.store = self.folder / "models"
        self.manifest = self.folder / "zoo.toml"
        # A model that runs, with bytes behind its end that make a download of it worth cutting.
        self.model = classifier().read_bytes()
        self.large = self.model + bytes(i * 7 % 251 for i in range(200_000))
        self.server = self.enterContext(FaultyServer())

    def list_model(self, data=None, path="/tiny.tflite", sha=None, size=None, **more):
        """Makes the manifest one of this model."""
        data = self.large if data is None else data
        self.manifest.write_text("format = 1\n" + entry(self.server.url(path), sha or sha256(data),
                                                        size or len(data), **more))

    def arguments(self, *arguments):
        return ["models", arguments[0], "--manifest", self.manifest, "--models-dir", self.store, *arguments[1:]]

    def models(self, *arguments, **more):
        return gantry(*self.arguments(*arguments), env=ENVIRONMENT, **more)

    def pull(self, *arguments, retries=0):
        return self.models("pull", "tiny", "--retries", retries, "--retry-delay", "1ms", *arguments)

    def visible(self):
        """Every file of the store but its own."""
        if not self.store.exists():
            return []
        return sorted(str(path.relative_to(self.store)) for path in self.store.rglob("*")
                      if path.is_file() and ".gantry" not in path.parts)

    def parts(self):
        """Partial downloads and their sizes."""
        return {path.name: path.stat().st_size for path in (self.store / ".gantry/downloads").rglob("*")
                if path.is_file() and path.suffix != ".origin"}

    def assert_installed(self, data=None):
        self.assertEqual((self.store / "tiny/1/model.tflite").read_bytes(), self.large if data is None else data)
        self.assertEqual(self.parts(), {})
        self.assertEqual(list((self.store / ".gantry/staging").iterdir()), [])

    def assert_not_installed(self):
        self.assertEqual(self.visible(), [])
        self.assertFalse((self.store / "tiny").exists())


class Pull(ModelsTest):
    def test_a_pulled_model_goes_by_its_name_and_verifies_and_goes_again(self):
        self.list_model(self.model)
        self.server.answer("/tiny.tflite", whole(self.model))
        done = self.models("pull", "--json", "tiny")
        self.assert_exit(done, 0)
        (result,) = json.loads(done.stdout)["models"]
        self.assertEqual(result["status"], "installed")
        self.assertEqual(result["sha256"], sha256(self.model))
        self.assertEqual(self.visible(), ["tiny/1/model.tflite", "tiny/1/source.toml"])

        picture = self.folder / "red.png"
        picture.write_bytes(png(9, 9, (250, 10, 10)))
        run = gantry("run", "--json", "tiny", picture, env={"GANTRY_MODELS_DIR": str(self.store)})
        self.assert_exit(run, 0)
        document = json.loads(run.stdout)
        self.assertEqual(document["model"], "tiny")
        self.assertEqual(document["results"][0]["predictions"][0]["label"], "red")

        self.assert_exit(self.models("verify"), 0)
        listed = json.loads(self.models("list", "--json").stdout)["models"]
        self.assertEqual([(m["name"], m["state"], m["path"]) for m in listed],
                         [("tiny", "installed", str(self.store / "tiny/1/model.tflite"))])
        self.assert_exit(self.models("rm", "tiny"), 0)
        self.assert_not_installed()
        done = self.models("rm", "tiny")
        self.assert_exit(done, 3)
        self.assertIn("not installed", done.stderr)

    def test_a_second_pull_asks_the_server_nothing(self):
        self.list_model()
        self.server.answer("/tiny.tflite", whole(self.large))
        self.assert_exit(self.pull(), 0)
        done = self.models("pull", "--json", "tiny")
        self.assert_exit(done, 0)
        self.assertEqual(json.loads(done.stdout)["models"][0]["status"], "already installed")
        self.assertEqual(len(self.server.requests), 1)

    def test_several_models_and_one_that_fails(self):
        self.server.answer("/a.tflite", whole(self.model))
        self.server.answer("/c.tflite", whole(self.model))
        self.manifest.write_text("format = 1\n" + "".join(
            entry(self.server.url(f"/{name}.tflite"), sha256(self.model), name=name) for name in "abc"))
        done = self.models("pull", "--all", "--json")
        self.assert_exit(done, 3)
        self.assertEqual([(m["name"], m["status"]) for m in json.loads(done.stdout)["models"]],
                         [("a", "installed"), ("b", "failed"), ("c", "installed")])
        self.assertEqual(self.visible(), ["a/1/model.tflite", "a/1/source.toml", "c/1/model.tflite",
                                          "c/1/source.toml"])

    def test_labels_come_with_it_or_nothing_does(self):
        names = b"rot\ngelb\nblau\n"
        self.list_model(self.model, labels=f'from = "url"\nurl = "{self.server.url("/names.txt")}"\n'
                                           f'sha256 = "{sha256(names)}"')
        self.server.answer("/tiny.tflite", whole(self.model))
        self.server.answer("/names.txt", status(500), whole(names))
        self.assert_exit(self.pull(), 3)
        self.assert_not_installed()
        self.assert_exit(self.pull(), 0)
        self.assertEqual((self.store / "tiny/1/labels.txt").read_bytes(), names)
        # What the first call had got was not asked for again.
        self.assertEqual(self.server.ranges("/tiny.tflite"), [None])
        picture = self.folder / "red.png"
        picture.write_bytes(png(9, 9, (250, 10, 10)))
        run = gantry("run", "--models-dir", self.store, "tiny", picture)
        self.assertIn("rot", run.stdout)

    def test_an_archive_makes_no_file_but_those_wanted(self):
        link = tarfile.TarInfo("models")
        link.type = tarfile.SYMTYPE
        link.linkname = str(self.folder)
        data = tgz([("../evil", b"x"), (str(self.folder / "absolute"), b"x"), (link, b""), ("models/evil", b"x"),
                    ("./tiny.tflite", self.model)])
        self.list_model(data, "/tiny.tgz",
                        archive=f'[model.archive]\nmember = "tiny.tflite"\nsha256 = "{sha256(self.model)}"')
        self.server.answer("/tiny.tgz", whole(data))
        before = {path for path in self.folder.rglob("*") if self.store not in path.parents}
        self.assert_exit(self.pull(), 0)
        self.assert_installed(self.model)
        after = {path for path in self.folder.rglob("*") if self.store not in path.parents}
        self.assertEqual(after - before, {self.store})
        self.assertEqual(self.visible(), ["tiny/1/model.tflite", "tiny/1/source.toml"])

    def test_a_hostile_archive_is_refused_and_dropped(self):
        link = tarfile.TarInfo("tiny.tflite")
        link.type = tarfile.SYMTYPE
        link.linkname = "/etc/passwd"
        whole_archive = tgz([("tiny.tflite", self.model)])
        for name, data in (("link", tgz([(link, b"")])), ("cut", whole_archive[:-30]), ("none", tgz([])),
                           ("other content", tgz([("tiny.tflite", self.model + b"x")]))):
            with self.subTest(name):
                self.list_model(path="/tiny.tgz", sha="unknown", size=len(data),
                                archive=f'[model.archive]\nmember = "tiny.tflite"\nsha256 = "{sha256(self.model)}"')
                self.server.answer("/tiny.tgz", whole(data))
                self.assert_exit(self.pull(), 1)
                self.assert_not_installed()
                self.assertEqual(self.parts(), {})

    def test_a_mirror_is_a_folder_or_an_address(self):
        self.list_model(self.model, "/far/away/tiny.tflite")
        self.server.answer("/mirror/tiny.tflite", whole(self.model))
        self.assert_exit(self.pull("--from", self.server.url("/mirror")), 0)
        self.assert_exit(self.models("rm", "tiny"), 0)
        mirror = self.folder / "stick"
        mirror.mkdir()
        done = self.pull("--from", mirror)
        self.assert_exit(done, 3)
        self.assertIn(str(mirror / "tiny.tflite"), done.stderr)
        (mirror / "tiny.tflite").write_bytes(self.model)
        self.assert_exit(self.pull("--from", mirror), 0)
        self.assert_installed(self.model)
        self.assertEqual((mirror / "tiny.tflite").read_bytes(), self.model)

    def test_no_connection_says_what_to_do_without_one(self):
        with FaultyServer() as gone:
            url = gone.url("/tiny.tflite")
        self.manifest.write_text("format = 1\n" + entry(url, sha256(self.large)))
        done = self.pull(retries=3)
        self.assert_exit(done, 3)
        self.assertIn("no connection", done.stderr)
        self.assertIn(url, done.stderr)
        self.assertIn("--from DIR", done.stderr)
        self.assertNotIn("trying again", done.stderr)
        self.assert_not_installed()

    def test_a_place_that_cannot_be_written_is_3_and_named(self):
        self.list_model()
        self.server.answer("/tiny.tflite", whole(self.large))
        file = self.folder / "a-file"
        file.write_text("in the way")
        done = gantry("models", "pull", "--manifest", self.manifest, "--models-dir", file / "models", "tiny",
                      env=ENVIRONMENT)
        self.assert_exit(done, 3)
        self.assertIn(str(file), done.stderr)
        self.assertIn("--models-dir", done.stderr)

    def test_serve_and_bench_take_the_name_too(self):
        self.list_model(self.model)
        self.server.answer("/tiny.tflite", whole(self.model))
        self.assert_exit(self.pull(), 0)
        with Service("--model", "tiny", "--models-dir", self.store) as service:
            status_code, answer = service.infer(png(9, 9, (10, 10, 250)))
            self.assertEqual(status_code, 200)
            self.assertEqual((answer["model"], answer["predictions"][0]["label"]), ("tiny", "blue"))
        with Service("--model", "tiny", "--models-dir", self.store, "--model-name", "mine") as service:
            self.assertEqual(service.infer(png(9, 9))[1]["model"], "mine")
        self.assert_exit(gantry("bench", "tiny", "--models-dir", self.store, "--seconds", "0.1", "--json"), 0)

    def test_nothing_moves_where_nobody_looks(self):
        self.list_model()
        self.server.answer("/tiny.tflite", whole(self.large))
        done = self.pull()
        self.assertNotIn("\x1b", done.stdout + done.stderr)
        self.assertNotIn("\r", done.stdout + done.stderr)
        self.assertEqual(done.stderr, "")


class Resume(ModelsTest):
    def setUp(self):
        super().setUp()
        self.list_model()

    def test_the_next_call_goes_on_where_the_last_one_broke_off(self):
        self.server.answer("/tiny.tflite", cut(self.large, 70_000), whole(self.large))
        done = self.pull()
        self.assert_exit(done, 3)
        self.assert_not_installed()
        self.assertEqual(list(self.parts().values()), [70_000])
        done = self.pull("--json")
        self.assert_exit(done, 0)
        self.assertEqual(json.loads(done.stdout)["models"][0]["resumed_from"], 70_000)
        self.assertEqual(self.server.ranges("/tiny.tflite"), [None, "bytes=70000-"])
        self.assertEqual(self.server.requests[1][1]["If-Range"], '"v1"')
        self.assert_installed()

    def test_so_does_a_retry_within_one_call(self):
        self.server.answer("/tiny.tflite", cut(self.large, 70_000), silence, status(503), whole(self.large))
        done = self.pull(retries=3)
        self.assert_exit(done, 0)
        self.assertIn("trying again", done.stderr)
        self.assertEqual(self.server.ranges("/tiny.tflite"), [None] + ["bytes=70000-"] * 3)
        self.assert_installed()

    def test_progress_forgives_earlier_failures(self):
        def piece(handler):
            # 70 kB more each time, then the end: more cuts than retries.
            first = int(handler.headers.get("Range", "bytes=0-")[6:-1])
            handler.send_response(206 if first else 200)
            handler.send_header("ETag", '"v1"')
            handler.send_header("Content-Length", str(len(self.large) - first))
            if first:
                handler.send_header("Content-Range", f"bytes {first}-{len(self.large) - 1}/{len(self.large)}")
            handler.end_headers()
            handler.wfile.write(self.large[first:first + 70_000])
        self.server.answer("/tiny.tflite", piece)
        self.assert_exit(self.pull(retries=1), 0)
        self.assert_installed()

    def test_a_server_that_knows_no_ranges_is_asked_once_more_from_the_beginning(self):
        self.server.answer("/tiny.tflite", cut(self.large, 70_000), whole(self.large, ranges=False))
        self.assert_exit(self.pull(), 3)
        done = self.pull("--json")
        self.assert_exit(done, 0)
        self.assertEqual(json.loads(done.stdout)["models"][0]["resumed_from"], 0)
        self.assertIn("from the beginning", done.stderr)
        self.assert_installed()

    def test_a_file_that_has_changed_is_got_whole(self):
        old = bytes(len(self.large))
        self.server.answer("/tiny.tflite", cut(old, 70_000, etag='"old"'), whole(self.large, etag='"new"'))
        self.assert_exit(self.pull(), 3)
        self.assert_exit(self.pull(), 0)
        self.assertEqual(self.server.requests[1][1]["If-Range"], '"old"')
        self.assert_installed()

    def test_even_if_the_server_does_not_know_if_range(self):
        old = bytes(len(self.large))
        self.server.answer("/tiny.tflite", cut(old, 70_000, etag='"old"'),
                           whole(self.large, etag='"new"', always_206=True))
        self.assert_exit(self.pull(), 3)
        self.assert_exit(self.pull(), 0)
        self.assertEqual(self.server.ranges("/tiny.tflite"), [None, "bytes=70000-", None])
        self.assert_installed()

    def test_a_range_that_was_not_asked_for_is_not_taken(self):
        self.server.answer("/tiny.tflite", cut(self.large, 70_000), other_range(self.large, 60_000),
                           whole(self.large))
        self.assert_exit(self.pull(), 3)
        self.assert_exit(self.pull(), 0)
        self.assertEqual(self.server.ranges("/tiny.tflite"), [None, "bytes=70000-", None])
        self.assert_installed()

    def test_a_partial_file_longer_than_the_whole_begins_anew(self):
        longer = self.large + b"more"
        self.server.answer("/tiny.tflite", announced(longer[:-1], None))
        self.list_model(longer)
        self.assert_exit(self.pull(), 3)  # all but the last byte, without a length
        self.list_model()
        self.server.answer("/tiny.tflite", whole(self.large))
        self.assert_exit(self.pull(), 0)
        self.assertEqual(self.server.ranges("/tiny.tflite"), [None, f"bytes={len(longer) - 1}-", None])
        self.assert_installed()

    def test_what_nothing_vouches_for_is_not_gone_on_with(self):
        for name, etag, headers, wanted in (("no validator", None, {}, None), ("weak", 'W/"v1"', {}, None),
                                            ("date", None, {"Last_Modified": "Thu, 01 Jan 1970 00:00:00 GMT"},
                                             "bytes=70000-")):
            with self.subTest(name):
                self.server.requests.clear()
                self.server.answer("/tiny.tflite", cut(self.large, 70_000, etag, **headers),
                                   whole(self.large, etag, **headers))
                self.assert_exit(self.pull(), 3)
                self.assert_exit(self.pull(), 0)
                self.assertEqual(self.server.ranges("/tiny.tflite"), [None, wanted])
                self.assert_installed()
                self.assert_exit(self.models("rm", "tiny"), 0)

    def test_a_partial_file_that_was_damaged_on_the_disk_is_noticed_and_got_again(self):
        self.server.answer("/tiny.tflite", cut(self.large, 70_000), whole(self.large))
        self.assert_exit(self.pull(), 3)
        (name,) = self.parts()
        part = self.store / ".gantry/downloads/tiny" / name
        part.write_bytes(b"x" * 70_000)
        done = self.pull()
        self.assert_exit(done, 0)
        self.assertIn("once more from the beginning", done.stderr)
        self.assert_installed()

    def test_a_partial_file_without_or_with_a_broken_origin_begins_anew(self):
        for damage in (lambda origin: origin.unlink(), lambda origin: origin.write_text("url = "),
                       lambda origin: origin.write_bytes(b"\xff\xfe"),
                       lambda origin: origin.write_text('url = "http://elsewhere/x"\netag = \'"v1"\'\n')):
            with self.subTest(damage):
                self.server.requests.clear()
                self.server.answer("/tiny.tflite", cut(self.large, 70_000), whole(self.large))
                self.assert_exit(self.pull(), 3)
                (origin,) = (self.store / ".gantry/downloads/tiny").glob("*.origin")
                damage(origin)
                self.assert_exit(self.pull(), 0)
                self.assertEqual(self.server.ranges("/tiny.tflite"), [None, None])
                self.assert_exit(self.models("rm", "tiny"), 0)

    def test_killed_in_the_middle_it_leaves_nothing_to_see_and_all_to_go_on_with(self):
        self.server.answer("/tiny.tflite", stall(self.large, 70_000), whole(self.large))
        with subprocess.Popen([BINARY, *map(str, self.arguments("pull", "tiny"))], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, env={**clean_environment(), **ENVIRONMENT}) as process:
            self.assertTrue(self.server.stalled.wait(TIMEOUT_S))
            wait_until(lambda: list(self.parts().values()) == [70_000])
            self.assertEqual(self.visible(), [])
            process.send_signal(signal.SIGKILL)
        self.assert_not_installed()
        self.assertEqual(self.models("verify").stdout.count("No model"), 1)
        self.assert_exit(self.pull(), 0)
        self.assertEqual(self.server.ranges("/tiny.tflite"), [None, "bytes=70000-"])
        self.assert_installed()

    def test_two_at_once_get_it_once(self):
        self.server.answer("/tiny.tflite", stall(self.large, 70_000), whole(self.large))
        command = [BINARY, *map(str, self.arguments("pull", "tiny"))]
        environment = {**clean_environment(), **ENVIRONMENT}
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as first:
            self.assertTrue(self.server.stalled.wait(TIMEOUT_S))
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as second:
                self.assertIn(b"another process pulls it; waiting", second.stderr.readline())
                self.server.release.set()
                self.assertIn(b"was installed", second.communicate(timeout=TIMEOUT_S)[0])
                self.assertEqual(second.returncode, 0)
            first.communicate(timeout=TIMEOUT_S)
            self.assertEqual(first.returncode, 0)
        self.assertEqual(len(self.server.requests), 1)
        self.assert_installed()

    def test_who_does_not_want_to_wait_is_told(self):
        self.server.answer("/tiny.tflite", stall(self.large, 70_000), whole(self.large))
        with subprocess.Popen([BINARY, *map(str, self.arguments("pull", "tiny"))], stdout=subprocess.DEVNULL,
                              env={**clean_environment(), **ENVIRONMENT}) as first:
            self.assertTrue(self.server.stalled.wait(TIMEOUT_S))
            done = self.pull("--lock-timeout", "1ms")
            self.assert_exit(done, 3)
            self.assertIn("another process", done.stderr)
            self.server.release.set()
            self.assertEqual(first.wait(TIMEOUT_S), 0)


class BadServers(ModelsTest):
    """Each failure has its exit code and words, and none leaves something that looks like a model."""

    def check(self, code, words, *answers, arguments=(), retries=0, requests=None):
        self.server.requests.clear()
        self.server.answer("/tiny.tflite", *answers)
        done = self.pull(*arguments, retries=retries)
        self.assert_exit(done, code)
        for word in [words] if isinstance(words, str) else words:
            self.assertIn(word, done.stderr)
        self.assert_not_installed()
        if requests is not None:
            self.assertEqual(len(self.server.requests), requests)

    def setUp(self):
        super().setUp()
        self.list_model()

    def test_statuses(self):
        self.check(3, ["404", "--from"], status(404), retries=3, requests=1)
        self.check(3, "410", status(410), retries=3, requests=1)
        self.check(3, "403", status(403), retries=3, requests=1)
        for code in (500, 502, 503, 429):
            self.check(3, str(code), status(code), retries=2, requests=3)
        self.check(3, "204", status(204, b""), requests=1)
        # An answer to a question that was not asked.
        self.check(3, "206", status(206, b"x" * len(self.large)), requests=1)

    def test_no_answer(self):
        self.check(3, "tiny.tflite", silence, retries=1, requests=2)

    def test_closes_in_the_middle(self):
        self.check(3, "tiny.tflite", cut(self.large, 100), retries=1, requests=2)

    def test_stalls_and_drips(self):
        self.check(3, "--from DIR", stall(self.large, 100), arguments=("--stall-timeout", "1s"))
        self.check(3, "--from DIR", drip(self.large), arguments=("--stall-timeout", "1s"))

    def test_lengths(self):
        more = self.large + b"x"
        self.check(1, [str(len(self.large)), str(len(more))], whole(more))
        self.check(1, str(len(self.large) - 1), whole(self.large[:-1]))
        self.check(1, "sends more", announced(more, None))
        self.check(3, str(len(self.large) - 9), announced(self.large[:-9], None))
        self.check(1, "announces 0", whole(b""))

    def test_a_length_is_not_needed(self):
        self.server.answer("/tiny.tflite", announced(self.large, None))
        self.assert_exit(self.pull(), 0)
        self.assert_installed()

    def test_other_bytes(self):
        other = bytes(len(self.large))
        self.check(1, [sha256(self.large), sha256(other)], whole(other), requests=1)
        self.assertEqual(self.parts(), {})
        # The next call is not misled by what the last one had got.
        self.server.answer("/tiny.tflite", whole(self.large))
        self.assert_exit(self.pull(), 0)
        self.assert_installed()

    def test_a_page_instead_of_a_file(self):
        page = b"<!DOCTYPE html><title>Log in to the network</title>".ljust(len(self.large))
        self.check(1, "web page", whole(page, Content_Type="text/html; charset=utf-8"))
        self.check(1, ["web page", sha256(self.large)], whole(page, Content_Type="application/octet-stream"))
        self.list_model(page)  # with the right checksum, too
        self.check(1, "want a TensorFlow Lite model", whole(page))

    def test_redirects(self):
        self.check(3, "redirects", redirect("/tiny.tflite"))
        secret = self.folder / "secret"
        secret.write_bytes(self.large)
        self.check(3, "redirect", redirect(f"file://{secret}"))
        self.check(3, "redirect", redirect("ftp://127.0.0.1/x"))
        self.server.answer("/tiny.tflite", redirect("/elsewhere"))
        self.server.answer("/elsewhere", whole(self.large))
        self.assert_exit(self.pull(), 0)
        self.assert_installed()

    def test_a_redirected_download_is_gone_on_with(self):
        self.server.answer("/tiny.tflite", redirect("/elsewhere"))
        self.server.answer("/elsewhere", cut(self.large, 70_000), whole(self.large))
        self.assert_exit(self.pull(retries=1), 0)
        self.assertEqual(self.server.ranges("/elsewhere"), [None, "bytes=70000-"])
        self.assert_installed()

    def test_the_good_model_stays_when_its_replacement_is_bad(self):
        self.server.answer("/tiny.tflite", whole(self.large))
        self.assert_exit(self.pull(), 0)
        self.list_model(self.model)  # a newer manifest
        self.server.answer("/tiny.tflite", status(500))
        self.assert_exit(self.pull(), 3)
        self.assertEqual((self.store / "tiny/1/model.tflite").read_bytes(), self.large)
        self.server.answer("/tiny.tflite", whole(self.model))
        self.assert_exit(self.pull(), 0)
        self.assert_installed(self.model)


class UnknownChecksum(ModelsTest):
    def setUp(self):
        super().setUp()
        self.manifest.write_text("format = 1\n" + entry(self.server.url("/tiny.tflite")))
        self.server.answer("/tiny.tflite", whole(self.large))

    def test_without_a_terminal_the_refusal_gives_the_exact_flag(self):
        done = self.pull()
        self.assert_exit(done, 3)
        flag = f"--trust-sha256 {sha256(self.large)}"
        self.assertIn(f"gantry models pull tiny {flag}", done.stderr)
        self.assert_not_installed()
        self.assert_exit(self.pull("--trust-sha256", "0" * 64), 3)
        done = self.pull(*flag.split())
        self.assert_exit(done, 0)
        self.assertEqual(len(self.server.requests), 1)  # the file of the first call
        self.assert_installed()
        self.assert_exit(self.models("verify", "tiny"), 0)
        (self.store / "tiny/1/model.tflite").write_bytes(self.large[:-1] + b"x")
        done = self.models("verify", "tiny")
        self.assert_exit(done, 1)
        self.assertIn(sha256(self.large), done.stderr)

    def test_what_is_no_checksum_is_wrong_usage(self):
        for text in ("abc", "X" * 64, sha256(b"").upper()):
            self.assert_exit(self.pull("--trust-sha256", text), 2)

    def at_a_terminal(self, answer):
        """(exit code, all that a person sees)."""
        ours, theirs = pty.openpty()
        with subprocess.Popen([BINARY, *map(str, self.arguments("pull", "tiny"))], stdin=theirs, stdout=theirs,
                              stderr=theirs, env={**clean_environment(), **ENVIRONMENT, "TERM": "xterm"}) as process:
            os.close(theirs)
            seen = b""
            answered = False
            while True:
                try:
                    piece = os.read(ours, 4096)
                except OSError:  # the other side is closed
                    break
                if not piece:
                    break
                seen += piece
                if b"[y/N]" in seen and not answered:
                    answered = True
                    os.write(ours, answer)
            os.close(ours)
            return process.wait(TIMEOUT_S), seen.decode()

    def test_at_a_terminal_a_person_is_asked(self):
        code, seen = self.at_a_terminal(b"\n")
        self.assertEqual(code, 3, seen)
        self.assertIn(sha256(self.large), seen)
        self.assertIn("plain http", seen)
        self.assert_not_installed()
        code, seen = self.at_a_terminal(b"y\n")
        self.assertEqual(code, 0, seen)
        self.assert_installed()

    def test_at_a_terminal_there_is_a_bar(self):
        _, seen = self.at_a_terminal(b"n\n")
        self.assertIn("\r\x1b[K", seen)
        self.assertIn("KB", seen)


class Tls(ModelsTest):
    """Against a certificate that the tests made: trusted only if it is named."""

    def setUp(self):
        super().setUp()
        if shutil.which("openssl") is None:
            self.skipTest("needs the program openssl to make a certificate")
        key, certificate = self.folder / "key.pem", self.folder / "certificate.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=127.0.0.1",
                        "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True, timeout=TIMEOUT_S)
        self.certificate = certificate
        self.secure = self.enterContext(FaultyServer((certificate, key)))
        self.manifest.write_text("format = 1\n" + entry(self.secure.url("/tiny.tflite"), sha256(self.large)))

    def test_an_unknown_certificate_is_refused(self):
        self.secure.answer("/tiny.tflite", whole(self.large))
        done = self.pull(retries=3)
        self.assert_exit(done, 3)
        self.assertIn("certificate is not trusted", done.stderr)
        self.assertIn("--ca-file", done.stderr)
        self.assertEqual(self.secure.requests, [])
        self.assert_not_installed()

    def test_a_known_one_is_fine_and_resumes(self):
        self.secure.answer("/tiny.tflite", cut(self.large, 70_000), whole(self.large))
        self.assert_exit(self.pull("--ca-file", self.certificate, retries=1), 0)
        self.assertEqual(self.secure.ranges("/tiny.tflite"), [None, "bytes=70000-"])
        self.assert_installed()

    def test_https_is_never_left_for_http(self):
        self.server.answer("/x", whole(self.large))
        self.secure.answer("/tiny.tflite", redirect(self.server.url("/x")))
        done = self.pull("--ca-file", self.certificate)
        self.assert_exit(done, 3)
        self.assertIn("want https", done.stderr)
        self.assertEqual(self.server.requests, [])
        self.assert_not_installed()


class Usage(ModelsTest):
    def test_help_of_each_ends_with_examples(self):
        for arguments in ([], ["list"], ["pull"], ["verify"], ["rm"]):
            done = gantry("models", *arguments, "--help")
            self.assert_exit(done, 0)
            self.assertIn("gantry models", done.stdout[done.stdout.index("Examples:"):])
            self.assertLess(max(map(len, done.stdout.splitlines())), 121)

    def test_wrong_usage_is_2(self):
        self.list_model()
        for arguments, word in (([], "list, pull, verify, rm"), (["fly"], "fly"), (["pull"], "--all"),
                                (["pull", "--all", "tiny"], "--all"), (["rm"], "NAME"),
                                (["pull", "nothing_such"], "nothing_such"), (["list", "--al"], "--al")):
            with self.subTest(arguments):
                done = self.models(*arguments) if arguments[1:] else gantry("models", *arguments)
                self.assert_exit(done, 2)
                self.assertIn(word, done.stderr)

    def test_a_bad_manifest_is_named(self):
        self.manifest.write_text("format = 9\n")
        done = self.models("list")
        self.assert_exit(done, 3)
        self.assertIn(str(self.manifest), done.stderr)

    def test_the_place_of_the_models_is_the_users_data_directory(self):
        self.list_model()
        self.server.answer("/tiny.tflite", whole(self.large))
        for variables, place in (({"XDG_DATA_HOME": str(self.folder / "data")}, "data/gantry/models"),
                                 ({"XDG_DATA_HOME": "relative", "HOME": str(self.folder)},
                                  ".local/share/gantry/models")):
            done = gantry("models", "pull", "--manifest", self.manifest, "tiny", env={**ENVIRONMENT, **variables})
            self.assert_exit(done, 0)
            self.assertTrue((self.folder / place / "tiny/1/model.tflite").is_file())

    def test_one_section_of_the_config_file_serves_all_four(self):
        self.list_model()
        self.server.answer("/mirror/tiny.tflite", whole(self.large))
        config = self.folder / "gantry.toml"
        config.write_text(f'[models]\nmodels-dir = "{self.store}"\nmanifest = "{self.manifest}"\n'
                          f'from = "{self.server.url("/mirror")}"\nretries = 0\n')
        for command in ("list", "pull", "verify", "rm"):
            arguments = [] if command == "list" else ["tiny"]
            self.assert_exit(gantry("models", command, "--config", config, *arguments, env=ENVIRONMENT), 0)
        config.write_text("[models]\nmodel-dir = 3\n")
        self.assert_exit(gantry("models", "list", "--config", config), 2)

    def test_a_name_of_the_list_that_is_not_installed_points_to_pull(self):
        for command in (["run", "mobilenet_v1", "x.png"], ["bench", "mobilenet_v1"],
                        ["serve", "--model", "mobilenet_v1", "--listen", "127.0.0.1:0"]):
            done = gantry(*command, env={"GANTRY_MODELS_DIR": str(self.store)})
            self.assert_exit(done, 3)
            self.assertIn("gantry models pull mobilenet_v1", done.stderr)

    def test_a_file_of_that_name_wins(self):
        (self.folder / "mobilenet_v1").write_bytes(self.model)
        picture = self.folder / "red.png"
        picture.write_bytes(png(9, 9))
        done = subprocess.run([BINARY, "run", "mobilenet_v1", picture], cwd=self.folder, capture_output=True,
                              timeout=TIMEOUT_S, env=clean_environment())
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_the_built_in_list_has_the_well_known_ones(self):
        listed = json.loads(gantry("models", "list", "--json", "--models-dir", self.store).stdout)["models"]
        self.assertLessEqual({"mobilenet_v1", "mobilenet_v2", "ssdlite_mobiledet", "efficientnet_lite0"},
                             {model["name"] for model in listed})
        for model in listed:
            self.assertEqual(model["state"], "not installed")
            self.assertTrue(model["npu"]["note"])
            self.assertEqual(model["licence"], "Apache-2.0")
        self.assertFalse(self.store.exists())


class RealModels(GantryTest):
    """The list's own models from the files of ../shared: pulled, and asked what the list says they answer."""

    def test_every_expected_answer_of_a_model_that_is_here(self):
        if not (SHARED / "models").is_dir():
            self.skipTest("needs ../shared, which is not here")
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        mirror, store = folder / "mirror", folder / "models"
        mirror.mkdir()
        for kind in ("models/*.tflite", "labels/*.txt"):
            for path in SHARED.glob(kind):
                (mirror / path.name).symlink_to(path)
        asked = 0
        for model in json.loads(gantry("models", "list", "--json", "--models-dir", store).stdout)["models"]:
            file = pathlib.Path(model["member"] or model["url"]).name
            if not (mirror / file).exists():
                continue
            with self.subTest(model["name"]):
                done = gantry("models", "pull", "--models-dir", store, "--from", mirror, model["name"])
                self.assert_exit(done, 0)
                if "expect" not in model:
                    continue
                expect = model["expect"]
                run = gantry("run", "--json", "--models-dir", store, model["name"],
                             SHARED / "images" / expect["image"])
                self.assert_exit(run, 0)
                best = json.loads(run.stdout)["results"][0]["predictions"][0]
                # The long names of ImageNet begin with the short one.
                self.assertEqual(best["label"].split(",")[0], expect["label"])
                self.assertEqual(best["class_id"], expect["class_id"])
                self.assertGreaterEqual(best["probability"], expect["probability"])
                asked += 1
        self.assertEqual(asked, 6)


def wait_until(is_so):
    """For what another process does to files; fails only where the test as a whole has hung."""
    ended = threading.Event()
    timer = threading.Timer(TIMEOUT_S, ended.set)
    timer.start()
    try:
        while not is_so():
            if ended.is_set():
                raise AssertionError("waited in vain")
            time.sleep(0.01)
    finally:
        timer.cancel()


if __name__ == "__main__":
    unittest.main()
