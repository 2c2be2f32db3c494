"""The page that `gantry serve` shows, and the one of `gantry inspect --html`, in a browser, used as people use them.

The pictures in docs/images are made here: GANTRY_WRITE_PICTURES=FOLDER writes them there.

    GANTRY_BINARY=PROGRAM GANTRY_WRITE_PICTURES=../../docs/images python3 -m unittest test_page.Pictures
"""

import contextlib
import decimal
import http.server
import io
import json
import math
import os
import pathlib
import re
import tempfile
import threading
import unittest

from browser import CONTROL, ENTER, SHIFT, SPACE, TAB, Browser, require_browser
from gantry_process import GantryTest, gantry, png, shared
from served import ServedTest, start

try:
    from PIL import Image
except ImportError:
    Image = None

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
SAMPLES = REPOSITORY / "models/builtin/samples"
CAT, ELEPHANT, GUITAR = (SAMPLES / name for name in ("cat.jpg", "elephant.jpg", "guitar.jpg"))
WIDTHS = (320, 360, 768, 1280)
SCHEMES = ("light", "dark")
READABLE = 4.5  # contrast of text: WCAG 2.2, 1.4.3, level AA
VISIBLE = 3  # contrast of anything else that one has to see: 1.4.11
BIGGEST_PICTURE = 200_000  # bytes; they are in the repository
# What the browser itself writes to its console when an answer is an error, whatever a page does about it.
REFUSED = r"/infer\? - Failed to load resource: the server responded with a status of 4\d\d"
UNREACHABLE = r" - Failed to load resource: net::ERR_(CONNECTION_REFUSED|INTERNET_DISCONNECTED)"


def percent(probability):
    """As the page writes it: half is rounded up."""
    return f"{decimal.Decimal(probability * 100).quantize(decimal.Decimal('0.1'), decimal.ROUND_HALF_UP)} %"


def number(value):
    """As JavaScript writes it."""
    return str(int(value)) if value == int(value) else repr(value)


def inspect(model, page):
    """Writes the page of `gantry inspect`; its exit code tells of the model."""
    done = gantry("inspect", model, "--html", page)
    assert done.returncode in (0, 1) and page.exists(), done.stderr


class InBrowser(unittest.TestCase):
    """Tests of a page: what it writes to the console fails the test, and so does whatever it asks others for."""

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.expected = []  # patterns of what may stand in the console
        self.address = None

    def tearDown(self):
        self.check()

    def open(self, address, **window):
        """Loads a page, after a last look at the one that was there."""
        self.check()
        self.address = address
        self.browser.open(address, **window)

    def check(self):
        console, requests = self.browser.console(), self.browser.requests()
        if self.address is None:
            return
        self.assertEqual([line for line in console if not any(re.search(p, line[1]) for p in self.expected)], [])
        self.assertEqual(self.browser.violations(), [])
        own = (self.address, f"blob:{self.address}", "data:image/svg+xml,")
        self.assertIn(self.address, requests)
        self.assertEqual([address for address in requests if not address.startswith(own)], [])
        self.address = None

    def assert_readable(self, at_least):
        """So many texts at least, and each stands out from what is behind it."""
        texts = self.browser.script("return texts()")
        self.assertGreaterEqual(len(texts), at_least, texts)
        self.assertEqual([text for text in texts if text["ratio"] < READABLE], [])

    def assert_fits(self):
        self.assertEqual(self.browser.script("return sticks_out()"), [])

    def assert_scheme(self, scheme):
        paper = self.browser.script("return luminance(background(document.body))")
        if scheme == "dark":
            self.assertLess(paper, 0.05)
        else:
            self.assertGreater(paper, 0.8)


class PageTest(InBrowser, ServedTest):
    @classmethod
    def arguments(cls):
        return ()

    @classmethod
    def setUpClass(cls):
        require_browser()
        super().setUpClass()
        cls.browser = cls.enterClassContext(Browser())

    def setUp(self):
        super().setUp()
        self.open_page()

    def open_page(self, **window):
        self.open(f"{self.service.url}/", **window)
        self.browser.wait_for("the state of the service", "shown('model')")

    def file(self, name, data):
        path = self.folder / name
        path.write_bytes(data)
        return path

    def no_picture(self):
        return self.file("letter.txt", b"this is a letter and no picture")

    def unknown_to_browsers(self):
        """A picture that the service can read and a browser cannot."""
        return self.file("green.ppm", b"P6\n60 40\n255\n" + bytes((0, 160, 0)) * 2400)

    def give(self, path):
        """Drops a picture and waits for what comes of it."""
        self.browser.drag("dragEnter", "dragOver", "drop", path=path)
        self.wait_for_answer()

    def wait_for_answer(self):
        self.browser.wait_for("an answer", "shown('times') || shown('problem') || shown('whole')")

    def text(self, identity):
        """What one reads there; "" where nothing is shown."""
        return self.browser.script("return shown(arguments[0])", identity)

    def answer_to(self, path, query=""):
        """What the service says to the same bytes without a browser."""
        status, answer = self.service.infer(path.read_bytes(), query)
        self.assertEqual(status, 200, answer)
        return answer

    def assert_answered(self, path, query=""):
        """The page shows what the service answers to this picture."""
        self.assertEqual(self.text("problem"), "")
        self.assertEqual(self.text("note"), "")
        wanted = self.answer_to(path, query)
        shown = self.browser.script("""return [...document.querySelectorAll("#predictions li")].map((item) => ({
            name: item.querySelector("b").innerText, percent: item.querySelector(".number").innerText,
            detail: item.querySelector("small").innerText,
            bar: item.querySelector(".bar i").offsetWidth / item.querySelector(".bar").clientWidth}))""")
        self.assertEqual([(s["name"], s["percent"], s["detail"]) for s in shown],
                         [(p["label"], percent(p["probability"]), f"class {p['class_id']}, score {number(p['score'])}")
                          for p in wanted["predictions"]])
        for bar, prediction in zip(shown, wanted["predictions"]):
            self.assertAlmostEqual(bar["bar"], prediction["probability"], delta=0.01)
        times = self.browser.script("return [...document.querySelectorAll('#times > div')].map((pair) => pair.innerText)")
        self.assertEqual([time.rsplit(" ", 2)[0] for time in times], [*wanted["timings_ms"], "round trip"])
        for time in times:
            self.assertRegex(time, r"^[a-z ]+ \d+\.\d ms$")
        return wanted

    def assert_preview(self, width, height):
        self.browser.wait_for("the picture", "document.getElementById('preview').naturalWidth > 0")
        self.assertEqual(self.browser.script("""const preview = document.getElementById("preview");
            return [is_shown(preview), preview.naturalWidth, preview.naturalHeight]"""), [True, width, height])


class Answers(PageTest):
    def test_a_chosen_file_is_answered(self):
        self.assertEqual(self.text("state"), "healthy")
        self.assertEqual(self.text("model"), "builtin · version 1 · classification on cpu")
        self.browser.catch_chooser()
        self.browser.click("#drop")
        self.browser.choose_in_chooser(CAT)
        self.wait_for_answer()
        answer = self.assert_answered(CAT)
        self.assertEqual(answer["predictions"][0]["label"], "cat")
        self.assert_preview(480, 360)
        self.assertEqual(self.browser.driver.find_element("id", "preview").accessible_name, "Preview of cat.jpg")

    def test_a_dropped_file_is_answered_wherever_it_falls(self):
        for x, y in ((200, 200), (700, 600)):
            with self.subTest(at=(x, y)):
                self.open_page()
                self.browser.drag("dragEnter", "dragOver", path=ELEPHANT, x=x, y=y)
                self.assertTrue(self.browser.script("return document.querySelector('#drop').matches('.over')"))
                self.browser.drag("drop", path=ELEPHANT, x=x, y=y)
                self.assertFalse(self.browser.script("return document.querySelector('#drop').matches('.over')"))
                self.wait_for_answer()
                answer = self.assert_answered(ELEPHANT)
                self.assertEqual(answer["predictions"][0]["label"], "elephant")
                self.assert_preview(480, 320)

    def test_what_is_dragged_by_and_what_is_no_file_changes_nothing(self):
        self.browser.drag("dragEnter", "dragOver", path=CAT)
        # The protocol has no way to leave the window again, so this one is made by hand.
        self.browser.script("document.querySelector('#drop').dispatchEvent(new DragEvent('dragleave', { bubbles: true }))")
        self.assertFalse(self.browser.script("return document.querySelector('#drop').matches('.over')"))
        self.browser.drag("dragEnter", "dragOver", "drop", text="http://127.0.0.1/")
        self.browser.copy("text/plain", b"a cat")
        self.browser.chord(CONTROL, "v")
        self.assertEqual(self.text("note"), "What is seen in the photo appears here.")
        self.assertEqual(self.browser.script("return asked_for('/infer')"), 0)

    def test_a_pasted_picture_is_answered(self):
        data = png(40, 30, (250, 10, 10))
        self.browser.copy("image/png", data)
        self.browser.chord(CONTROL, "v")
        self.wait_for_answer()
        # The clipboard encodes afresh: the same pixels in other bytes.
        self.assert_answered(self.file("red.png", data))
        self.assert_preview(40, 30)

    def test_of_several_files_the_last_one_counts(self):
        for path in (CAT, self.no_picture(), ELEPHANT, GUITAR):
            self.browser.drag("dragEnter", "dragOver", "drop", path=path)
        self.expected = [REFUSED]  # the second, where it got that far
        self.wait_for_answer()
        self.assert_answered(GUITAR)
        self.assert_preview(360, 400)

    def test_an_answer_that_comes_late_changes_nothing(self):
        self.browser.script("""const send = window.fetch;
            let sent = 0;
            window.fetch = async (...call) => {
              const reply = await send(...call);
              if (call[0].startsWith("/infer") && ++sent === 1) {
                await new Promise((resolve) => { window.let_go = resolve; });
              }
              return reply;
            };""")
        self.browser.drag("dragEnter", "dragOver", "drop", path=CAT)
        self.browser.wait_for("the first answer", "window.let_go !== undefined")
        self.give(ELEPHANT)
        self.browser.script("let_go(); fetch('/health/live').then(() => { window.later = true; })")
        self.browser.wait_for("another answer", "window.later")
        self.assert_answered(ELEPHANT)

    def test_the_options_hold_at_once_and_for_the_next_picture(self):
        self.give(CAT)
        self.assertEqual(len(self.answer_to(CAT)["predictions"]), 5)
        self.browser.click("#top-k")
        self.browser.keys("2", ENTER)
        self.browser.wait_for("two lines", "document.querySelectorAll('#predictions li').length === 2")
        self.wait_for_answer()
        self.assert_answered(CAT, "?top_k=2")
        self.browser.click("#threshold")
        self.browser.keys("0.5", TAB)
        self.browser.wait_for("one line", "document.querySelectorAll('#predictions li').length === 1")
        self.give(ELEPHANT)
        self.assert_answered(ELEPHANT, "?top_k=2&threshold=0.5")

    def test_after_a_paste_nothing_asks_for_a_file(self):
        self.browser.copy("image/png", png(40, 30))
        self.browser.chord(CONTROL, "v")
        self.wait_for_answer()
        self.browser.script("""window.asked = [];
            addEventListener("invalid", (event) => asked.push(event.target.id), true);""")
        self.browser.click("#top-k")
        self.browser.keys("1", ENTER)
        self.browser.wait_for("one line", "document.querySelectorAll('#predictions li').length === 1")
        self.assertEqual(self.browser.script("return asked"), [])

    def test_labels_are_text_whatever_they_say(self):
        labels = self.folder / "labels.txt"
        labels.write_text('<i id="slipped">cat</i> &amp; "dog"\n' * 64)
        with start("--labels", labels) as service:
            self.open(f"{service.url}/")
            self.give(CAT)
            self.assertEqual(self.text("predictions").splitlines()[0], '<i id="slipped">cat</i> &amp; "dog"')
            self.check()

    def test_the_answer_can_be_seen_as_json(self):
        self.give(CAT)
        self.assertEqual(self.text("json"), "")
        self.browser.click("summary")
        shown = json.loads(self.text("json"))
        self.assertEqual(shown["predictions"], self.answer_to(CAT)["predictions"])

    def test_a_format_that_only_the_service_knows(self):
        picture = self.unknown_to_browsers()
        self.give(picture)
        self.browser.wait_for("a word about the format", "shown('unseen')")
        self.assertIn("can't show this format", self.text("unseen"))
        self.assert_answered(picture)

    def test_the_words_that_programs_read_aloud(self):
        names = {identity: self.browser.driver.find_element("id", identity).accessible_name
                 for identity in ("file", "top-k", "threshold", "copy")}
        self.assertRegex(names.pop("file"), r"^Choose a photo, drop one here, or paste it")
        self.assertEqual(names, {"top-k": "at most", "threshold": "from probability", "copy": "Copy"})
        self.assertEqual([self.browser.driver.find_element("id", identity).aria_role
                          for identity in ("file", "state")], ["button", "status"])

    def test_without_script_the_form_does_it(self):
        self.browser.cdp("Emulation.setScriptExecutionDisabled", value=True)
        self.addCleanup(self.browser.cdp, "Emulation.setScriptExecutionDisabled", value=False)
        self.open(f"{self.service.url}/")
        self.browser.driver.find_element("id", "file").send_keys(str(CAT))
        self.browser.click("form button")
        self.browser.wait_for("the answer", "location.pathname === '/infer' && document.body?.innerText")
        answer = json.loads(self.browser.driver.find_element("css selector", "pre").text)
        self.assertEqual(answer["predictions"], self.answer_to(CAT)["predictions"])
        self.expected = [r"/favicon.ico - Failed to load resource"]  # the browser's own idea, of a page that has none


class Errors(PageTest):
    @classmethod
    def arguments(cls):
        return "--max-body", "1M"

    def assert_problem(self, text):
        self.assertRegex(self.text("problem"), text)
        self.assertEqual((self.text("note"), self.text("predictions"), self.text("times")), ("", "", ""))
        self.assertEqual(self.browser.driver.find_element("id", "problem").aria_role, "alert")

    def test_what_is_no_picture_is_told_in_the_words_of_the_service(self):
        self.expected = [REFUSED]
        self.give(CAT)
        letter = self.no_picture()
        self.give(letter)
        status, answer = self.service.infer(letter.read_bytes())
        self.assertEqual(status, 415)
        self.assert_problem(f"^{re.escape(answer['error'])}$")
        self.assertIn("can't show this format", self.text("unseen"))
        self.give(CAT)
        self.assert_answered(CAT)
        self.assertEqual(self.text("unseen"), "")

    def test_a_file_that_is_too_large(self):
        self.expected = [REFUSED]
        self.give(self.file("large.ppm", b"P6\n1000 1000\n255\n" + bytes(3_000_000)))
        self.assert_problem("1048576|1 MiB|too large")

    def test_a_service_that_cannot_be_reached_and_can_be_again(self):
        self.expected = [UNREACHABLE]
        network = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        self.browser.cdp("Network.emulateNetworkConditions", offline=True, **network)
        self.addCleanup(self.browser.cdp, "Network.emulateNetworkConditions", offline=False, **network)
        self.give(CAT)
        self.assert_problem("^The service cannot be reached")
        self.browser.wait_for("the state", "shown('state') === 'not reachable'")
        self.browser.cdp("Network.emulateNetworkConditions", offline=False, **network)
        self.give(CAT)
        self.assert_answered(CAT)
        self.browser.wait_for("the state", "shown('state') === 'healthy'")

    def test_a_service_that_has_ended(self):
        self.expected = [UNREACHABLE]
        with start() as service:
            self.open(f"{service.url}/")
            self.browser.wait_for("the state", "shown('state') === 'healthy'")
            service.stop()
        self.give(CAT)
        self.assert_problem("^The service cannot be reached")
        self.browser.wait_for("the state", "shown('state') === 'not reachable'")

    def test_a_file_that_is_gone(self):
        self.expected = [r"/infer\?top_k=1 - Failed to load resource: net::ERR_"]  # by one name or another
        picture = self.file("red.png", png(40, 30, (250, 10, 10)))
        self.give(picture)
        picture.unlink()
        self.browser.click("#top-k")
        self.browser.keys("1", TAB)
        self.browser.wait_for("a word about it", "shown('problem')")
        self.assert_problem("or the file cannot be read")
        self.assertEqual(self.text("state"), "healthy")

    def test_something_between_that_answers_instead(self):
        self.browser.script("""window.fetch = async () => new Response("<h1>Sorry</h1>",
            { status: 502, statusText: "Bad Gateway", headers: { "Content-Type": "text/html" } });""")
        self.give(CAT)
        self.assert_problem("^Not the service's answer: 502 Bad Gateway$")

    def test_what_is_written_to_the_console_is_seen_here(self):
        self.browser.script("console.error('one'); console.warn('two'); setTimeout(() => { throw new Error('three'); })")
        self.browser.wait_for("all that", "true")
        self.expected = [r'"one"', r'"two"', r"Uncaught Error: three"]
        console = self.browser.console()
        self.assertEqual([sum(bool(re.search(p, text)) for _, text in console) for p in self.expected], [1, 1, 1], console)


class Keyboard(PageTest):
    def tab_to(self, name):
        """Goes on with the tabulator to the control of that name; all that it passes must be seen to have the focus."""
        passed = []
        while not passed or passed[-1] != name:
            self.assertLess(len(passed), 20, passed)
            self.browser.keys(TAB)
            focus = self.browser.script("return focus()")
            passed.append(focus["name"])
            if focus["name"]:
                self.assertGreaterEqual(focus["width"], 2, focus)
                self.assertGreaterEqual(focus["ratio"], VISIBLE, focus)
                self.assertTrue(focus["in_window"], focus)
        return passed

    def test_everything_can_be_reached_in_order_and_seen(self):
        for scheme in SCHEMES:
            with self.subTest(scheme):
                self.open_page(scheme=scheme, height=500)
                self.give(CAT)
                before = self.tab_to("as JSON")
                self.assertEqual(before, ["file", "top-k", "threshold", "as JSON"])
                self.browser.keys(ENTER)
                after = self.tab_to("Metrics")
                self.assertEqual(after, ["json", "curl", "copy", "OpenAPI", "Health", "Metrics"])
                for name in [*before, *after][-2::-1]:
                    self.browser.chord(SHIFT, TAB)
                    self.assertEqual(self.browser.script("return focus().name"), name)

    def test_a_photo_is_chosen_and_its_answer_read(self):
        self.browser.catch_chooser()
        for key, path in ((ENTER, CAT), (SPACE, ELEPHANT)):
            with self.subTest(path.stem):
                self.open_page()
                self.tab_to("file")
                self.assertTrue(self.browser.chooser_is_closed())
                self.browser.keys(key)
                self.browser.choose_in_chooser(path)
                self.wait_for_answer()
                self.assert_answered(path)
                self.assertEqual(self.tab_to("top-k"), ["top-k"])
                self.browser.keys("1", ENTER)
                self.browser.wait_for("one line", "document.querySelectorAll('#predictions li').length === 1")
                self.wait_for_answer()
                self.tab_to("as JSON")
                self.browser.keys(SPACE)
                self.assertEqual(len(json.loads(self.text("json"))["predictions"]), 1)

    def test_the_same_photo_can_be_chosen_again(self):
        self.browser.catch_chooser()
        self.tab_to("file")
        for _ in range(2):
            self.browser.keys(ENTER)
            self.browser.choose_in_chooser(CAT)
            self.wait_for_answer()
            self.browser.script("document.getElementById('times').hidden = document.getElementById('whole').hidden = true")
        self.browser.wait_for("two requests", "asked_for('/infer') === 2")

    def test_the_command_is_copied(self):
        self.tab_to("copy")
        self.browser.copy("text/plain", b"something else")
        self.browser.keys(ENTER)
        self.browser.wait_for("a word about it", "shown('copy') === 'Copied'")
        self.assertEqual(self.browser.clipboard(), f"curl -F image=@photo.jpg {self.service.url}/infer")


class Looks(PageTest):
    """Narrow and wide, light and dark, in every state that the page has."""

    def states(self):
        """Brings the page into one after the other and names it, with how many texts there are to read at least."""
        self.expected = [REFUSED]
        yield "empty", 15
        self.browser.drag("dragEnter", "dragOver", path=CAT)
        yield "something is dragged", 15
        self.give(CAT)
        self.browser.click("summary")
        yield "answer", 40
        self.give(self.unknown_to_browsers())
        self.browser.wait_for("a word about the format", "shown('unseen')")
        yield "answer to a format that browsers cannot show", 40
        self.give(self.no_picture())
        yield "error", 15

    def test_nothing_sticks_out_on_any_screen(self):
        for width in WIDTHS:
            self.open_page(width=width, mobile=width < 700)
            for state, _ in self.states():
                with self.subTest(state, width=width):
                    self.assertEqual(self.browser.script("return innerWidth"), width)
                    self.assert_fits()

    def test_every_text_is_readable_in_light_and_dark(self):
        for scheme in SCHEMES:
            self.open_page(scheme=scheme)
            self.assert_scheme(scheme)
            for state, at_least in self.states():
                with self.subTest(state, scheme=scheme):
                    self.assert_readable(at_least)

    def test_long_names_are_broken(self):
        labels = self.folder / "labels.txt"
        labels.write_text("".join(f"{number}_" + "Donaudampfschifffahrtsgesellschaft" * 2 + "\n" for number in range(64)))
        with start("--model-name", "m" * 64, "--labels", labels) as service:
            self.open(f"{service.url}/", width=320, mobile=True)
            self.browser.wait_for("the model", "shown('model').includes('mmm')")
            self.give(CAT)
            self.assertIn("Donau", self.text("predictions"))
            self.assert_fits()
            self.check()


class Policy(PageTest):
    """The content security policy: in use it forbids nothing (every other test looks), and it forbids all else."""

    def policy(self):
        status, headers, body = self.service.request("GET", "/", headers={"Accept": "text/html"})
        self.assertEqual(status, 200)
        return headers["Content-Security-Policy"], body.decode()

    def test_it_allows_one_script_and_one_style_by_a_number_used_once(self):
        (policy, page), (another, _) = self.policy(), self.policy()
        self.assertIn("default-src 'none'", policy)
        self.assertNotIn("unsafe", policy)
        self.assertNotEqual(policy, another)
        (number,) = set(re.findall(r"'nonce-([^']+)'", policy))
        self.assertEqual(re.findall(r'<(\w+) nonce="([^"]*)"', page), [("style", number), ("script", number)])

    def another_server(self):
        """(address, [what it was asked for]) of a server that is not the page's own."""
        asked = []

        class Answers(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                self.send_error(404)

            def log_message(self, *_):
                pass

        server = self.enterContext(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers))
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        return f"http://127.0.0.1:{server.server_port}/", asked

    def test_what_someone_slips_in_does_nothing(self):
        self.expected = [r"Content Security Policy"]
        other, asked = self.another_server()
        for directive, blocked, attempt in (
                ("script-src-elem", "inline", "const s = add('script'); s.textContent = 'ran = 1'; into(s);"),
                ("script-src-elem", other, "const s = add('script'); s.src = other; into(s);"),
                ("script-src-elem", f"{self.service.url}/metrics", "const s = add('script'); s.src = '/metrics'; into(s);"),
                ("script-src-attr", "inline", "const b = into(add('b')); b.setAttribute('onclick', 'ran = 1'); b.click();"),
                ("script-src", "eval", "setTimeout('ran = 1');"),
                ("style-src-elem", "inline", "const s = add('style'); s.textContent = '* { color: red }'; into(s);"),
                ("style-src-attr", "inline", "into(add('b')).setAttribute('style', 'color: red');"),
                ("img-src", other, "into(add('img')).src = other;"),
                ("connect-src", other, "fetch(other, { mode: 'no-cors' }).catch(() => {});"),
                ("frame-src", other, "const f = add('iframe'); f.src = other; into(f);"),
                ("object-src", other, "const o = add('object'); o.data = other; into(o);"),
                ("base-uri", other, "const b = add('base'); b.href = other; document.head.append(b);"),
                ("form-action", other, "const f = add('form'); f.action = other; into(f).submit();")):
            with self.subTest(directive, blocked=blocked):
                self.browser.script("window.violations.length = 0; const other = arguments[0];"
                                    "const add = (name) => document.createElement(name);"
                                    "const into = (node) => document.body.appendChild(node);" + attempt, other)
                self.browser.wait_for("a violation", "window.violations.length > 0")
                # Of some addresses the report leaves the path out, of a form's it adds an empty query.
                (violation,) = self.browser.violations()
                self.assertIn(violation.removesuffix("?").removesuffix("/"), f"{directive} {blocked.removesuffix('/')}")
        self.assertIsNone(self.browser.script("return window.ran"))
        self.assertEqual(self.browser.script("return getComputedStyle(document.querySelector('body > b:last-of-type')).color"),
                         self.browser.script("return getComputedStyle(document.body).color"))
        self.assertEqual(asked, [])
        self.browser.script("window.violations.length = 0")
        self.browser.requests()
        self.address = None

    def test_nobody_can_put_the_page_into_a_frame(self):
        self.check()
        outside = self.file("frame.html", f'<!doctype html><iframe src="{self.service.url}/"></iframe>'.encode())
        self.browser.open(outside.as_uri())
        self.assertTrue(any("frame-ancestors" in text for _, text in self.browser.console()))


class Boxes(PageTest):
    @classmethod
    def arguments(cls):
        return "--model", shared("models/coco_ssd_mobilenet_v1_1.0_quant_2018_06_29.tflite")

    def boxes(self):
        """Rectangles on the screen, relative to the picture: [{name, box, plate, text}], the best first."""
        return self.browser.script("""
            const preview = document.getElementById("preview").getBoundingClientRect();
            const place = (node) => {
              const { left, top, width, height } = node.getBoundingClientRect();
              return [left - preview.left, top - preview.top, width, height];
            };
            const nodes = [...document.getElementById("boxes").children];
            const found = [];
            for (let i = 0; i < nodes.length; i += 3) {
              found.unshift({ name: nodes[i + 2].textContent, box: place(nodes[i]), plate: place(nodes[i + 1]),
                              text: place(nodes[i + 2]) });
            }
            return { width: preview.width, height: preview.height, found };""")

    def assert_boxes(self, path, query=""):
        """They stand where the service says, in a picture of any size on the screen, with names that can be read."""
        answer = self.assert_answered(path, query)
        shown = self.boxes()
        self.assertEqual([box["name"] for box in shown["found"]],
                         [f"{p['label']} {percent(p['probability'])}" for p in answer["predictions"]])
        across, down = shown["width"] / answer["image"]["width"], shown["height"] / answer["image"]["height"]
        for drawn, prediction in zip(shown["found"], answer["predictions"]):
            box = prediction["box"]
            wanted = [box["x_min"] * across, box["y_min"] * down, (box["x_max"] - box["x_min"]) * across,
                      (box["y_max"] - box["y_min"]) * down]
            for one, other in zip(drawn["box"], wanted):
                self.assertAlmostEqual(one, other, delta=1.5, msg=f"{drawn} {wanted}")
            left, top, width, height = drawn["plate"]
            self.assertGreaterEqual(min(left, top), -0.5, drawn)
            self.assertLessEqual(left + width, shown["width"] + 0.5, drawn)
            self.assertLessEqual(top + height, shown["height"] + 0.5, drawn)
            self.assertLess(drawn["text"][2], width, drawn)
            self.assertTrue(12 < drawn["text"][3] < 24, drawn)
        return answer

    def test_boxes_stand_where_the_service_says(self):
        self.assertEqual(self.browser.script("return document.getElementById('threshold').placeholder"), "0.5")
        for name, first in (("pets.jpg", "dog"), ("cats_and_dogs.jpg", "cat")):
            with self.subTest(name):
                path = shared(f"images/{name}")
                self.give(path)
                self.browser.wait_for("boxes", "document.querySelectorAll('#boxes text').length > 0")
                self.assertEqual(self.assert_boxes(path)["predictions"][0]["label"], first)

    def test_they_keep_their_place_and_size_when_the_window_changes(self):
        path = shared("images/cats_and_dogs.jpg")
        self.give(path)
        for width in (1280, 600, 320):
            self.browser.resize(width)
            self.browser.wait_for("names of their usual size", "(() => { const names = [...document.querySelectorAll("
                                  "'#boxes text')].map((name) => name.getBoundingClientRect().height);"
                                  "return names.length > 0 && Math.min(...names) > 12 && Math.max(...names) < 24; })()")
            self.assert_boxes(path)
            self.assert_fits()

    def test_a_threshold_shows_more_or_nothing(self):
        path = shared("images/pets.jpg")
        self.give(path)
        self.browser.click("#threshold")
        self.browser.keys("0.2", TAB)
        self.browser.wait_for("more boxes", "document.querySelectorAll('#boxes text').length > 2")
        self.wait_for_answer()
        self.assert_boxes(path, "?threshold=0.2")
        self.give(self.file("grey.png", png(64, 48, (128, 128, 128))))
        self.browser.click("#threshold")
        self.browser.chord(CONTROL, "a")
        self.browser.keys("1", TAB)
        self.browser.wait_for("a word", "shown('note') === 'Nothing was found.'")
        self.assertEqual(self.boxes()["found"], [])

    def test_names_are_readable_in_light_and_dark(self):
        for scheme in SCHEMES:
            with self.subTest(scheme):
                self.open_page(scheme=scheme)
                self.browser.click("#threshold")
                self.browser.keys("0.1", TAB)
                self.give(shared("images/kite_and_cold.jpg"))
                self.browser.wait_for("boxes", "document.querySelectorAll('#boxes text').length > 5")
                self.assert_readable(40)


class Inspect(InBrowser, GantryTest):
    """The page of `gantry inspect --html`, opened as the file that it is."""

    @classmethod
    def setUpClass(cls):
        require_browser()
        super().setUpClass()
        cls.browser = cls.enterClassContext(Browser())

    def pages(self):
        """(name, page) of the built-in model, and of models with more trouble, where they are."""
        models = {"builtin": SAMPLES.parent / "classifier.tflite"}
        for name in ("coco_ssd_mobilenet_v1_1.0_quant_2018_06_29", "yolov5n-int8"):
            try:
                models[name] = shared(f"models/{name}.tflite")
            except unittest.SkipTest as reason:
                with self.subTest(name):
                    self.skipTest(str(reason))
        for name, model in models.items():
            page = self.folder / f"{name}.html"
            inspect(model, page)
            yield name, page.as_uri()

    def test_nothing_sticks_out_on_any_screen(self):
        for name, page in self.pages():
            for width in WIDTHS:
                with self.subTest(name, width=width):
                    self.open(page, width=width, mobile=width < 700)
                    self.assertEqual(self.browser.script("return innerWidth"), width)
                    self.assert_fits()

    def test_every_text_is_readable_in_light_and_dark(self):
        for name, page in self.pages():
            for scheme in SCHEMES:
                with self.subTest(name, scheme=scheme):
                    self.open(page, scheme=scheme)
                    self.assert_scheme(scheme)
                    self.assert_readable(200)

    def test_the_names_in_the_graph_fit_their_boxes(self):
        for name, page in self.pages():
            with self.subTest(name):
                self.open(page)
                found = self.browser.script("""return [...document.querySelectorAll("svg g")].map((group) => {
                    const box = group.querySelector("rect.box").getBoundingClientRect();
                    return { name: group.textContent, out: [...group.querySelectorAll("text")].some((text) => {
                      const { left, right, top, bottom } = text.getBoundingClientRect();
                      return left < box.left || right > box.right || top < box.top || bottom > box.bottom;
                    }) }; })""")
                self.assertGreater(len(found), 10)
                self.assertEqual([group["name"] for group in found if group["out"]], [])


def with_few_colours(picture):
    """With 128 colours: half the bytes, and nobody sees the difference."""
    return picture.quantize(128, kmeans=1, dither=Image.Dither.NONE)


@unittest.skipIf(Image is None, "needs Pillow (Debian: python3-pil)")
class Pictures(InBrowser, GantryTest):
    """Of the pages, for the README. They are made each time, so that they can always be made."""

    @classmethod
    def setUpClass(cls):
        require_browser()
        super().setUpClass()
        cls.browser = cls.enterClassContext(Browser())

    def screenshot(self, height):
        return Image.open(io.BytesIO(self.browser.screenshot(0, 0, 900, height))).convert("RGB")

    def rectangle(self, selector):
        """[left, top, right, bottom] of an element in whole pixels."""
        left, top, right, bottom = self.browser.script(
            "const box = document.querySelector(arguments[0]).getBoundingClientRect();"
            "return [box.left, box.top, box.right, box.bottom]", selector)
        return math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom)

    def keep(self, picture, name):
        folder = os.environ.get("GANTRY_WRITE_PICTURES")
        path = (pathlib.Path(folder) if folder else self.folder) / name
        picture.save(path, optimize=True)
        self.assertLess(path.stat().st_size, BIGGEST_PICTURE)
        with Image.open(path) as made, Image.open(REPOSITORY / "docs/images" / name) as kept:
            self.assertEqual(made.width, kept.width)
            self.assertGreater(len(made.convert("RGB").getcolors(1 << 24)), 50)

    def test_of_the_page(self):
        with start() as service:
            self.open(f"{service.url}/", width=900)
            self.browser.wait_for("the state of the service", "shown('model')")
            self.browser.drag("dragEnter", "dragOver", "drop", path=CAT)
            self.browser.wait_for("an answer", "shown('times')")
            self.browser.wait_for("the picture", "document.getElementById('preview').complete")
            self.browser.cdp("Input.dispatchMouseEvent", type="mouseMoved", x=1, y=1)
            # The port is one that was free; in the picture stands the one that people will see.
            self.browser.script("""const line = document.getElementById("curl");
                line.textContent = line.textContent.replace(location.origin, "http://127.0.0.1:8080");""")
            picture, photo = self.screenshot(self.rectangle("footer")[3]), self.rectangle("#preview")
            inside = with_few_colours(picture.crop(photo))
            picture.paste(picture.getpixel((0, 0)), photo)
            # Page and photo get colours of their own: else a noisy photo takes them all.
            page = with_few_colours(picture)
            palette = page.getpalette()[:3 * 128] + inside.getpalette()[:3 * 128]
            page.paste(inside.point(lambda colour: colour + 128), photo)
            page.putpalette(palette)
            self.keep(page, "page.png")
            self.check()

    def test_of_the_graph(self):
        page = self.folder / "page.html"
        with contextlib.chdir(SAMPLES.parent):  # the page shows the path as it was given
            inspect("classifier.tflite", page)
        self.open(page.as_uri(), width=900)
        height = self.rectangle("svg g:nth-of-type(5)")[3] + 12
        self.keep(self.screenshot(height), "inspect.png")


if __name__ == "__main__":
    unittest.main()
