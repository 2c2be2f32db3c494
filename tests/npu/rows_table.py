"""A model for each row of the specification's tables of what Mesa's delegate gets wrong, on Debian's unmodified libteflon.so of
each Mesa, without and with the guard. As a program it writes docs/npu-rows.md (two minutes):

    ./dev test --preset arm64 -N
    ./dev shell env PYTHONPATH=emulator/tests python3 tests/npu/rows_table.py --build build
"""

import argparse
import json
import os
import pathlib
import sys

import real_library
from real_library import LIBRARY

HANG_LIMIT = 10   # seconds for a row that is known to hang
TIME_LIMIT = 300  # for all others: user-mode emulation on a busy machine

HEAD = """# What Mesa's delegate gets wrong, row by row

Made by `tests/npu/rows_table.py`. Each row is a model of a few operators (`tests/npu/rows.cc`), for one row of
rocket-npu.md's tables. *Alone*: Debian's unmodified arm64 libteflon.so of that Mesa, on the emulated NPU, sees the
whole model. *Right*: within two steps of TensorFlow Lite's CPU kernels. *Refused*: the delegate takes nothing, or
TensorFlow Lite refuses the model. Behind the guard, every row is right with both Mesa versions; `npu/rows` tests that.

The emulator is exact: operators that only silicon computes wrongly (known from: *silicon*, in [the
rules](../src/npu/README.md)) are right here.

| row | section | rule | Mesa 26.1 alone | Mesa 26.2 alone |
|---|---|---|---|---|"""


def run_row():
    """The program, as the tests or the table name it."""
    return os.environ.get("GANTRY_RUN_ROW", "")


def known(root):
    """(rows with what is known of them, ids of the rules that keep something off the NPU)."""
    done = real_library.run(run_row(), "list", sysroot=root)
    entries = [json.loads(line) for line in done.stdout.splitlines()]
    return [entry for entry in entries if "row" in entry], [entry["keeps_off"] for entry in entries if "keeps_off" in entry]


def lines_of(done):
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def alone(root, name, limit=TIME_LIMIT):
    """(what becomes of a row without the guard, in words what was seen)."""
    done = real_library.run(run_row(), LIBRARY, "alone", name, sysroot=root, timeout=limit)
    if done.timed_out:
        return "hang", f"no end within {limit} s"
    if done.returncode < 0 or done.returncode > 127:
        return "crash", f"signal {abs(done.returncode) & 127}"
    [result] = lines_of(done)
    if "error" in result:
        return "refused", result["error"]
    if result["delegated"] == 0:
        return "refused", "takes nothing"
    return ("right" if result["right"] else "wrong"), "no numbers" if result["steps"] > 1e29 else f"max {result['steps']:.0f}"


def main():
    parser = argparse.ArgumentParser(description="writes docs/npu-rows.md")
    parser.add_argument("--build", type=pathlib.Path, required=True, help="the folder with dev/ and arm64/")
    build = parser.parse_args().build.resolve()
    real_library.EMULATOR = str(build / "dev/emulator/program/gantry-emulator")
    real_library.PRELOAD = str(next((build / "arm64/emulator/preload").glob("lib*.so")))
    os.environ["GANTRY_RUN_ROW"] = str(build / "arm64/tests/npu/run_row")
    roots = {real_library.version_of(root): root for root in real_library.roots()}
    lines = [HEAD]
    for row in known(next(iter(roots.values())))[0]:
        cells = []
        for mesa in ("26.1", "26.2"):
            outcome, seen = alone(roots[mesa], row["row"], HANG_LIMIT if row[mesa] == "hang" else TIME_LIMIT)
            word = outcome if outcome in ("right", "refused") else f"**{outcome}**"
            cells.append(word if outcome == "refused" else f"{word}: {seen}")
        lines.append(f"| {row['row']} | {row['section']} | {f'`{row["rule"]}`' if row['rule'] else ''} | " + " | ".join(cells) + " |")
        print(lines[-1], file=sys.stderr)
    (pathlib.Path(__file__).parents[2] / "docs/npu-rows.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
