"""`gantry doctor` on this machine and on made-up roots."""

import json
import pathlib
import tempfile
import unittest

from gantry_process import GantryTest, gantry


def findings(done):
    return {finding["id"]: finding for finding in json.loads(done.stdout)["findings"]}


class Doctor(GantryTest):
    def setUp(self):
        self.root = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def doctor(self, *arguments):
        return gantry("doctor", "--system-root", self.root, *arguments)

    def test_a_machine_with_nothing_is_not_usable(self):
        done = self.doctor()
        self.assert_exit(done, 1)
        self.assertIn("NOT USABLE", done.stdout)
        self.assertNotIn("\x1b", done.stdout)

    def test_json_has_every_finding(self):
        done = self.doctor("--json")
        self.assert_exit(done, 1)
        self.assertFalse(json.loads(done.stdout)["usable"])
        self.assertEqual(findings(done)["board"]["status"], "failure")
        self.assertEqual(findings(done)["live"]["status"], "skipped")

    def test_a_container_on_nixos_without_its_store_is_told_so(self):
        (self.root / "mesa-libs").mkdir()
        (self.root / "mesa-libs/libteflon.so").symlink_to("/nix/store/abc-mesa-26.2.6/lib/libteflon.so")
        (self.root / ".dockerenv").touch()
        done = self.doctor("--json")
        self.assert_exit(done, 1)
        self.assertIn("`/nix/store` is not mounted", findings(done)["library"]["why"])

    def test_a_library_that_is_none_is_a_finding_of_the_live_test(self):
        library = self.root / "libteflon.so"
        library.write_bytes(b"\x7fELF" + bytes(60) + b"\0tflite_plugin_create_delegate\0"
                            b"tflite_plugin_destroy_delegate\0rocket\0" + b"26.2.6\0")
        done = self.doctor("--json", "--teflon", library, "--live-test", "always")
        self.assert_exit(done, 1)
        live = findings(done)["live"]
        self.assertEqual(live["status"], "failure")
        self.assertIn("loading the library failed", live["found"])

    def test_usage_and_a_missing_root(self):
        self.assert_exit(self.doctor("--live-test", "perhaps"), 2)
        self.assert_exit(gantry("doctor", "--system-root", self.root / "nowhere"), 3)


if __name__ == "__main__":
    unittest.main()
