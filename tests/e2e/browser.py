"""A headless Chromium for the end-to-end tests, moved as a person moves it: keys, clicks, drops, clipboard, file chooser.

Debian's chromium, chromium-driver and python3-selenium. Nothing is downloaded: the browser reaches this machine's loopback
and nothing else, writes into a temporary folder alone, and ends with the test, also when that is killed.
"""

import base64
import json
import os
import pathlib
import shutil
import tempfile
import unittest

from raw_http import poll

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service as Driver
except ImportError:
    webdriver = None

# Keys, by the numbers that WebDriver gives them.
TAB, ENTER, SHIFT, CONTROL, SPACE = "\ue004", "\ue007", "\ue008", "\ue009", " "

AUDIT = (pathlib.Path(__file__).parent / "page_audit.js").read_text()

FLAGS = (
    "--headless=new",
    "--no-sandbox",  # root may not have one
    "--disable-gpu",
    "--disable-dev-shm-usage",  # containers have little of it
    "--no-first-run",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
    "--lang=en-US",
    # No network: no services in the background, no proxy of this machine's, and no name is looked up.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-sync",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)

# Runs before the page's own script and notes what its content security policy forbade.
NOTE_VIOLATIONS = """
  window.violations = [];
  addEventListener("securitypolicyviolation", (event) =>
    window.violations.push(`${event.effectiveDirective} ${event.blockedURI}`));
"""


def require_browser():
    """Skips the test where there is no browser, and says what is missing."""
    missing = [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
    if webdriver is None:
        missing.append("python3-selenium")
    if missing:
        raise unittest.SkipTest(f"needs a browser; not here: {', '.join(missing)}")


def ends_with_parent(folder, name):
    """A program like `name` that is killed when whoever started it dies, so that a killed test leaves no browser."""
    wrapper = pathlib.Path(folder) / name
    wrapper.write_text(f'#!/bin/sh\nexec setpriv --pdeathsig KILL -- {shutil.which(name)} "$@"\n')
    wrapper.chmod(0o755)
    return str(wrapper)


class Browser:
    """`with Browser() as browser:`; one window."""

    def __enter__(self):
        require_browser()
        self._folder = tempfile.TemporaryDirectory(prefix="gantry-browser-", ignore_cleanup_errors=True)
        folder = self._folder.name
        options = webdriver.ChromeOptions()
        options.binary_location = ends_with_parent(folder, "chromium")
        for flag in (*FLAGS, f"--user-data-dir={folder}/profile"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        # Selenium and its driver talk over the loopback, whatever proxy the environment names.
        os.environ["no_proxy"] = os.environ["NO_PROXY"] = "localhost,127.0.0.1"
        environment = {**os.environ, "HOME": folder, "XDG_CACHE_HOME": folder, "XDG_CONFIG_HOME": folder}
        try:
            self.driver = webdriver.Chrome(options, Driver(ends_with_parent(folder, "chromedriver"), env=environment))
        except BaseException:
            self._folder.cleanup()
            raise
        self._requests, self._choosers = [], []
        self.cdp("Page.addScriptToEvaluateOnNewDocument", source=NOTE_VIOLATIONS)
        return self

    def __exit__(self, *_):
        self.driver.quit()
        self._folder.cleanup()

    def cdp(self, command, **parameters):
        """One command of the DevTools protocol."""
        return self.driver.execute_cdp_cmd(command, parameters)

    def script(self, text, *arguments):
        """What a JavaScript function with this body returns; the functions of page_audit.js are there."""
        return self.driver.execute_script(AUDIT + text, *arguments)

    def wait_for(self, what, condition):
        """Waits until the JavaScript expression is true."""
        try:
            poll(what, lambda: self.script(f"return {condition}"))
        except AssertionError as error:
            raise AssertionError(f"{error}; the page says: {self.script('return document.body.innerText')}") from None

    def open(self, url, width=1000, height=900, scheme="light", mobile=False):
        """Loads a page in a window of that size, on a screen or on a telephone."""
        self.resize(width, height, mobile)
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.driver.get(url)

    def resize(self, width, height=900, mobile=False):
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)

    # What a person does.

    def keys(self, *keys):
        """Presses keys, one after the other, wherever the focus is."""
        actions = webdriver.ActionChains(self.driver)
        for key in keys:
            actions.send_keys(key)
        actions.perform()

    def chord(self, modifier, key):
        """Presses a key while another is held."""
        webdriver.ActionChains(self.driver).key_down(modifier).send_keys(key).key_up(modifier).perform()

    def click(self, selector):
        self.driver.find_element("css selector", selector).click()

    def catch_chooser(self):
        """From now on the file chooser opens here instead of on a screen."""
        self.cdp("Page.setInterceptFileChooserDialog", enabled=True)

    def choose_in_chooser(self, path):
        """Waits for the file chooser, and chooses."""
        def opened():
            self._read_events()
            return self._choosers

        poll("a file chooser", opened)
        self.cdp("DOM.setFileInputFiles", files=[str(path.resolve())], backendNodeId=self._choosers.pop(0))

    def chooser_is_closed(self):
        self._read_events()
        return not self._choosers

    def drag(self, *steps, path=None, text=None, x=200, y=200):
        """Drags a file, or text, from outside: steps are dragEnter, dragOver, dragCancel, drop."""
        data = {"items": [], "dragOperationsMask": 1}
        if path:
            data["files"] = [str(path.resolve())]  # Chromium refuses to read what has .. in its path
        if text:
            data["items"] = [{"mimeType": "text/plain", "data": text}]
        for step in steps:
            self.cdp("Input.dispatchDragEvent", type=step, x=x, y=y, data=data)

    def copy(self, kind, data):
        """Puts something onto the clipboard, as another program would."""
        self._use_clipboard("navigator.clipboard.write([new ClipboardItem({[kind]: new Blob([bytes], {type: kind})})])",
                            kind, base64.b64encode(data).decode())

    def clipboard(self):
        return self._use_clipboard("navigator.clipboard.readText()")

    def _use_clipboard(self, expression, kind="", data=""):
        self.cdp("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
        done, value = self.driver.execute_async_script(
            "const [kind, data, done] = arguments;"
            "const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));"
            f"{expression}.then((value) => done([true, value]), (error) => done([false, String(error)]));", kind, data)
        assert done, value
        return value

    # What came of it.

    def console(self):
        """What was written to the console since last asked: [(level, text)], the browser's own remarks included."""
        return [(entry["level"], entry["message"]) for entry in self.driver.get_log("browser")]

    def requests(self):
        """Addresses that were asked for since last asked."""
        self._read_events()
        requests, self._requests = self._requests, []
        return requests

    def violations(self):
        """What the content security policy has forbidden: directive and blocked address."""
        return self.script("return window.violations")

    def screenshot(self, x, y, width, height):
        """A PNG of a part of the page, also of what is below the window."""
        shot = self.cdp("Page.captureScreenshot", format="png", captureBeyondViewport=True,
                        clip={"x": x, "y": y, "width": width, "height": height, "scale": 1})
        return base64.b64decode(shot["data"])

    def _read_events(self):
        for entry in self.driver.get_log("performance"):
            event = json.loads(entry["message"])["message"]
            if event["method"] == "Network.requestWillBeSent":
                self._requests.append(event["params"]["request"]["url"])
            elif event["method"] == "Page.fileChooserOpened":
                self._choosers.append(event["params"]["backendNodeId"])
