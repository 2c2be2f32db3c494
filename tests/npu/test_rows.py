"""Each row of the specification's tables of what Mesa's delegate gets wrong, on Debian's unmodified libteflon.so: without the
guard it goes wrong as the table says, so that the guard is known to be needed; behind the guard all are right."""

import os

import real_library
import rows_table
from real_library import LIBRARY, roots, version_of

# TensorFlow Lite itself refuses these, with or without a delegate.
REFUSED = {"convolution with two inputs", "convolution whose bias is -1", "scale without a zero point"}
# Rules without a row here: TensorFlow Lite takes no such model (rank, dtype), or scales that nobody meets by chance (one in 16 384).
WITHOUT_ROW = {"rank", "other-dtype", "scale-overflow", "add-scale-overflow"}


def is_rule(rule, wanted):
    return rule == wanted or rule == f"{wanted}-26.1"


class Rows(real_library.RealLibraryTest):
    programs = (os.environ.get("GANTRY_RUN_ROW", ""),)

    def setUp(self):
        super().setUp()
        self.rows, self.rules = rows_table.known(roots()[0])
        self.assertGreater(len(self.rows), 60)

    def test_each_rule_has_a_row(self):
        shown = {rule for rule in self.rules for row in self.rows if is_rule(rule, row["rule"])}
        self.assertEqual(set(self.rules) - shown, WITHOUT_ROW)

    def test_behind_the_guard_every_row_is_right(self):
        for root in roots():
            with self.subTest(root=root.name):
                names = [row["row"] for row in self.rows]
                # All in one process, which has to survive them.
                done = real_library.run(rows_table.run_row(), LIBRARY, "guarded", *names, sysroot=root, timeout=600)
                results = {result["row"]: result for result in rows_table.lines_of(done)}
                self.assertEqual((done.returncode, done.timed_out, list(results)), (0, False, names), done.stderr[-2000:])
                self.assertEqual({name for name, result in results.items() if "error" in result}, REFUSED)
                self.assertEqual([result for result in results.values() if not result.get("right", True)], [])
                # Each for its own reason, and what is right alone is not kept off for nothing.
                for row in self.rows:
                    result, outcome = results[row["row"]], row[version_of(root)]
                    if "error" in result:
                        continue
                    if outcome not in ("right", "refused"):
                        self.assertTrue(any(is_rule(rule, row["rule"]) for rule in result["rules"]), (row, result))
                    elif not row["rule"] and outcome == "right":
                        self.assertGreater(result["delegated"], 0, (row, result))

    def test_without_the_guard_they_go_wrong(self):
        for root in roots():
            for row in self.rows:
                wanted = row[version_of(root)]
                with self.subTest(root=root.name, row=row["row"]):
                    limit = rows_table.HANG_LIMIT if wanted == "hang" else rows_table.TIME_LIMIT
                    outcome, seen = rows_table.alone(root, row["row"], limit)
                    if wanted != "undefined":
                        self.assertEqual(outcome, wanted, seen)
