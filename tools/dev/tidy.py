#!/usr/bin/env python3
"""Runs clang-tidy over the project's sources, several at once, and remembers which were clean.

A source is looked at again when it, a project header that it includes (directly or not), .clang-tidy, its compile command or
clang-tidy itself has changed. Only clean results are remembered.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time

# Tests get what finds defects and not what speaks of style: the rest costs as much again as all other sources together,
# most of it spent in GoogleTest's headers. Appended to the list in .clang-tidy.
TEST_CHECKS = ("-clang-analyzer-*,-concurrency-*,-cppcoreguidelines-*,-misc-*,-modernize-*,-performance-*,-readability-*,"
               "-bugprone-exception-escape,-bugprone-implicit-widening-of-multiplication-result")
INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.MULTILINE)
# By its number, as packages.txt has it: another version knows other checks and finds other things.
CLANG_TIDY = "clang-tidy-22"
REPO = pathlib.Path(__file__).resolve().parents[2]


class Headers:
    """The project's headers, found by the end of their path: "gantry/base/file.h" is src/base/include/gantry/base/file.h."""

    def __init__(self):
        self.by_end = {}
        self.contents = {}
        for top in ("src", "apps", "tests", "emulator"):
            for path in sorted((REPO / top).rglob("*.h")):
                parts = path.relative_to(REPO).parts
                for start in range(len(parts)):
                    self.by_end.setdefault("/".join(parts[start:]), []).append(path)

    def read(self, path):
        if path not in self.contents:
            self.contents[path] = path.read_bytes()
        return self.contents[path]

    def closure(self, source):
        """Every project file that `source` may include; of several that fit a name all are taken."""
        seen, todo = {source}, [source]
        while todo:
            for name in INCLUDE.findall(self.read(todo.pop())):
                for path in self.by_end.get(name.decode().removeprefix("./"), []):
                    if path not in seen:
                        seen.add(path)
                        todo.append(path)
        return sorted(seen)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--build", required=True, type=pathlib.Path, help="folder with compile_commands.json")
    arguments.add_argument("--cache", required=True, type=pathlib.Path, help="folder for what was clean")
    arguments.add_argument("files", nargs="*", help="only these sources")
    options = arguments.parse_args()

    version = subprocess.run([CLANG_TIDY, "--version"], capture_output=True, check=True).stdout
    version += (REPO / ".clang-tidy").read_bytes()
    headers = Headers()
    only = {pathlib.Path(name).resolve() for name in options.files}
    work, clean = [], 0
    for entry in json.loads((options.build / "compile_commands.json").read_text()):
        source = pathlib.Path(entry["file"])
        # Sources that CMake wrote (one for each header, to see that it compiles alone) are not ours.
        if not source.is_relative_to(REPO) or source.is_relative_to(options.build.resolve()):
            continue
        is_test = source.name.endswith("_test.cc") or source.is_relative_to(REPO / "tests")
        checks = [f"--checks={TEST_CHECKS}"] if is_test else []
        if not source.exists() or (only and source not in only):
            continue
        # Without the place of the clone, so that another clone of the same files profits.
        key = hashlib.sha256(version + "".join([entry["command"].replace(str(REPO), ""), *checks]).encode())
        for path in headers.closure(source):
            key.update(str(path.relative_to(REPO)).encode() + hashlib.sha256(headers.read(path)).digest())
        stamp = options.cache / key.hexdigest()
        if stamp.exists():
            os.utime(stamp)
            clean += 1
        else:
            work.append((source, checks, stamp))

    options.cache.mkdir(parents=True, exist_ok=True)
    for stamp in options.cache.iterdir():
        if time.time() - stamp.stat().st_mtime > 90 * 24 * 3600:
            stamp.unlink()

    def tidy(job):
        # Deprecations inside RapidCheck's templates are reported where we use them; in our own code the compiler finds them.
        command = [CLANG_TIDY, "-p", options.build, "--quiet", "--extra-arg=-Wno-deprecated-declarations"]
        command.append("--use-color" if sys.stderr.isatty() else "--use-color=false")
        result = subprocess.run([*command, *job[1], job[0]], capture_output=True, text=True, check=False)
        return job, result

    bad = 0
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for done, future in enumerate(concurrent.futures.as_completed([pool.submit(tidy, job) for job in work]), 1):
            (source, _, stamp), result = future.result()
            if sys.stderr.isatty():
                print(f"\r\033[K[{done}/{len(work)}] {source.name}", end="", file=sys.stderr, flush=True)
            elif done % 20 == 0:
                print(f"dev: clang-tidy: {done} of {len(work)}", file=sys.stderr, flush=True)
            if result.returncode == 0:
                stamp.touch()
            else:
                bad += 1
                print(f"\n{result.stdout}{result.stderr if not result.stdout else ''}", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    print(f"dev: clang-tidy: {clean + len(work)} files, {clean} unchanged since they were clean, {bad} with findings", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
