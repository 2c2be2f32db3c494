"""Made-up graphs on Debian's unmodified libteflon.so behind the guard: what it lets through is right, whatever it is."""

import json
import os

import real_library
from real_library import LIBRARY, roots

RUN_RANDOM = os.environ.get("GANTRY_RUN_RANDOM", "")
FIRST, COUNT = 1000, 300


class Random(real_library.RealLibraryTest):
    programs = (RUN_RANDOM,)

    def test_random_graphs_are_right_behind_the_guard(self):
        for root in roots():
            with self.subTest(root=root.name):
                done = real_library.run(RUN_RANDOM, LIBRARY, FIRST, COUNT, sysroot=root)
                lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
                self.assertEqual((done.returncode, done.timed_out, len(lines)), (0, False, COUNT), done.stderr[-2000:])
                self.assertEqual([line for line in lines if not line["right"]], [])
                # Not because nothing was let through.
                self.assertGreater(sum(line["delegated"] > 0 for line in lines), COUNT // 4)
