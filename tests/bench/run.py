#!/usr/bin/env python3
"""Measures the rows of the table "Speed and size we hold ourselves to" that apply to a CPU.

Every ratio is of two things measured in turn in this run, several times; printed are the median and the range. Run it
on a machine that does nothing else. Exit code: 0, also where a bar is missed; 1 with --strict if one is; 2 wrong
usage; 3 if something could not be measured.
"""

import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time

import measuring
import programs
import rows

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def cpu_model():
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.machine()


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     epilog="rows:\n" + "\n".join(f"  {k}  {r.what}" for k, r in rows.ROWS.items()))
    parser.add_argument("rows", nargs="*", metavar="ROW", help="rows to measure [all]")
    parser.add_argument("--build-dir", type=pathlib.Path, default=REPOSITORY / "build/release", metavar="DIR",
                        help="what to measure; made with GANTRY_BUILD_BENCH=ON [build/release]")
    parser.add_argument("--shared", type=pathlib.Path, default=REPOSITORY.parent / "shared", metavar="DIR",
                        help="models and pictures [../shared]; rows that need them are skipped without")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="times that each is measured [5]")
    parser.add_argument("--seconds", type=float, default=5, metavar="S", help="of one measurement [5]")
    parser.add_argument("--quick", action="store_true", help="the same as --rounds 2 --seconds 1: to try the script")
    parser.add_argument("--slots", type=int, metavar="N", help="of the service [as it chooses]")
    parser.add_argument("--threads", type=int, metavar="N", help="of one inference [as the service chooses]")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="also write all numbers there")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a bar is missed")
    arguments = parser.parse_args()
    unknown = [r for r in arguments.rows if r not in rows.ROWS]
    if unknown:
        parser.error(f"no row {', '.join(unknown)}: want some of {', '.join(rows.ROWS)}")
    if arguments.quick:
        arguments.rounds, arguments.seconds = 2, 1
    if arguments.rounds < 1 or arguments.seconds <= 0:
        parser.error("--rounds and --seconds: want more than 0")
    return arguments


def main():
    arguments = parse_arguments()
    cores = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    machine = {"cpu": cpu_model(), "cores": cores, "kernel": platform.release(), "load_average_before": load}
    print(f"{machine['cpu']}, {cores} core(s), load average {load:.2f} before"
          f"{': NOT QUIET, expect worse numbers' if load > 0.3 else ''}", flush=True)
    progress = measuring.Progress()
    outcomes, failed = [], False
    with tempfile.TemporaryDirectory(prefix="gantry-bench-") as folder:
        try:
            found = programs.Programs(arguments.build_dir.resolve())
        except programs.Failed as error:
            print(f"run.py: {error}", file=sys.stderr)
            return 3
        serve_arguments = []
        for flag in ("slots", "threads"):
            if getattr(arguments, flag):
                serve_arguments += [f"--{flag}", getattr(arguments, flag)]
        bench = rows.Bench(found, arguments.shared.resolve(), pathlib.Path(folder), progress, arguments.rounds,
                           arguments.seconds, serve_arguments)
        for row in arguments.rows or rows.ROWS:
            try:
                measured = rows.measure(bench, row)
            except (programs.Failed, subprocess.TimeoutExpired, json.JSONDecodeError, KeyError) as error:
                failed = True
                measured = [measuring.Outcome(row, rows.ROWS[row].what, skipped=f"could not be measured: {error!r}")]
            progress.done()
            outcomes += measured
    print(measuring.table(outcomes))
    if arguments.json:
        arguments.json.write_text(json.dumps(
            {"machine": machine, "rounds": arguments.rounds, "seconds": arguments.seconds,
             "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
             "outcomes": [o.as_json() for o in outcomes]}, indent=2, ensure_ascii=False) + "\n")
    if failed:
        return 3
    return 1 if arguments.strict and any(o.met is False for o in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
