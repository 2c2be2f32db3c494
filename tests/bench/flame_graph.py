#!/usr/bin/env python3
"""Where the service's time goes: a flame graph (SVG) of `gantry serve` under load.

One client posts one picture over and over; perf (Debian's linux-perf) looks at the service's processor time. The wider a
frame, the more of that time was spent in it and in what it called; above it stands what it called. Run it in ./dev
shell. What follows -- goes to `gantry serve`.
"""

import argparse
import collections
import html
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading

import programs

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
WIDTH, ROW, MARGIN, LETTER = 1200, 17, 10, 6.6  # pixels; LETTER: of one character at 11 pixels
# What a frame belongs to, by its shared object or, where that is gantry itself, by its name.
KINDS = (("inference by XNNPACK", r"XNNPACK|pthreadpool", "#7fc97f"),
         ("inference by TensorFlow Lite", r"tensorflow|tflite|ruy", "#fdc086"),
         ("JPEG decoding", r"jpeg", "#beaed4"),
         ("resizing and rows of pictures", r"gantry::image", "#f6c5e0"),
         ("gantry", r"gantry", "#80b1d3"),
         ("kernel", r"kernel|\[k", "#cccccc"),
         ("other", r"", "#eeeeee"))
KERNEL = [name for name, *_ in KINDS].index("kernel")


def kind_of(frame, dso):
    # libXNNPACK and its like say it by their file, our own code by its name; the kernels of a library have none at times.
    text = dso if not re.search(r"/gantry$", dso) else f"{frame} gantry"
    return next(i for i, (_, pattern, _) in enumerate(KINDS) if re.search(pattern, text))


class Frame:
    def __init__(self):
        self.count, self.kind, self.inner = 0, len(KINDS) - 1, collections.defaultdict(Frame)


def short(symbol):
    """Without arguments and template arguments, which fill the screen."""
    symbol = symbol.removesuffix(" const")
    while (less := re.sub(r"(?<!operator)<[^<>]*>", "", symbol)) != symbol:
        symbol = less
    while (less := re.sub(r"\([^()]*\)", "", symbol)) != symbol:
        symbol = less
    return symbol.split(" ")[-1] if "::" in symbol else symbol


def stacks(script):
    """The text of `perf script -F comm,ip,sym,dso` as a tree of frames; threads of one kind (worker-0, worker-1) are one."""
    root, comm, frames = Frame(), None, []
    for line in [*script.splitlines(), ""]:
        if line.startswith(("\t", " ")) and comm is not None:
            match = re.match(r"\s*[0-9a-f]+ (.*) \((.*)\)$", line)
            if match:
                frames.append((short(match[1]), match[2]))
        elif line.strip():
            comm = line.strip()
        elif comm is not None:
            frame, before = root, None
            frame.count += 1
            for name, dso in [(re.sub(r"-\d+$", "", comm), "thread"), *reversed(frames)]:
                kind = kind_of(name, dso)
                name = f"[{pathlib.Path(dso).name}]" if name == "[unknown]" else name
                # Once for frames without names in one library, and of the kernel only where it is entered.
                if name != before and not (frame.kind == kind == KERNEL):
                    frame = frame.inner[name]
                    frame.count += 1
                    frame.kind = kind
                before = name
            comm, frames = None, []
    return root


def svg(root, title, note):
    boxes, deepest = [], 0

    def place(frame, name, x, depth):
        nonlocal deepest
        width = frame.count / root.count * (WIDTH - 2 * MARGIN)
        if width < 0.4:
            return
        deepest = max(deepest, depth)
        boxes.append((name, frame, x, depth, width))
        for inner, it in sorted(frame.inner.items(), key=lambda item: -item[1].count):
            place(it, inner, x, depth + 1)
            x += it.count / root.count * (WIDTH - 2 * MARGIN)

    place(root, "all", MARGIN, 0)
    top = 3 * ROW + 2 * MARGIN
    height = top + (deepest + 1) * ROW + MARGIN
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
             'font-family="monospace" font-size="11">',
             f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
             f'<text x="{MARGIN}" y="{ROW}" font-size="14" font-weight="bold">{html.escape(title)}</text>',
             f'<text x="{MARGIN}" y="{2 * ROW}">{html.escape(note)}</text>']
    share = collections.Counter()
    for _, frame, *_ in boxes:
        share[frame.kind] += frame.count - sum(it.count for it in frame.inner.values())
    x = MARGIN
    for i, (name, _, colour) in enumerate(KINDS):
        text = f"{name} {share[i] / root.count:.0%}"
        lines.append(f'<rect x="{x}" y="{2 * ROW + 7}" width="11" height="11" fill="{colour}" stroke="#888"/>'
                     f'<text x="{x + 15}" y="{3 * ROW}">{text}</text>')
        x += 15 + LETTER * len(text) + 18
    for name, frame, x, depth, width in boxes:
        y = height - MARGIN - (depth + 1) * ROW
        room = int((width - 4) / LETTER)
        text = name if len(name) <= room else name[:room - 1] + "…" if room > 3 else ""
        lines.append(f'<g><title>{html.escape(name)}: {frame.count / root.count:.1%}</title>'
                     f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 1}" fill="{KINDS[frame.kind][2]}"/>'
                     + (f'<text x="{x + 2:.1f}" y="{y + 12}">{html.escape(text)}</text>' if text else "") + '</g>')
    return "\n".join([*lines, "</svg>"]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--picture", type=pathlib.Path, help="what is posted [a 12-megapixel JPEG, as in row 5 of the table]")
    parser.add_argument("--output", type=pathlib.Path, required=True, metavar="FILE.svg")
    parser.add_argument("--title", default="gantry serve")
    parser.add_argument("--seconds", type=float, default=8, help="of load [8]")
    parser.add_argument("--build-dir", type=pathlib.Path, default=REPOSITORY / "build/release", metavar="DIR")
    parser.add_argument("--shared", type=pathlib.Path, default=REPOSITORY.parent / "shared", metavar="DIR")
    parser.add_argument("serve", nargs="*", metavar="-- OPTION", help="for gantry serve")
    arguments = parser.parse_args()
    if not shutil.which("perf"):
        parser.error("perf is not installed: apt-get install linux-perf, or use ./dev shell")
    found = programs.Programs(arguments.build_dir.resolve())
    with tempfile.TemporaryDirectory(prefix="gantry-profile-") as folder:
        folder = pathlib.Path(folder)
        picture = arguments.picture or found.make_large_jpeg(arguments.shared, folder / "12mp.jpg")
        data = folder / "perf.data"
        with found.serve(arguments.model, *arguments.serve) as service:
            post = ["--path", "/infer", "--body", picture, "--form-field", "image"]
            found.load(service.port, *post, "--seconds", 1)
            report = {}
            load = threading.Thread(target=lambda: report.update(
                found.load(service.port, *post, "--seconds", arguments.seconds + 1)))
            load.start()
            found.run("perf", "record", "--quiet", "-e", "cpu-clock", "-F", 499, "--call-graph", "dwarf,16384",
                      "-p", service.process.pid, "-o", data, "--", "sleep", arguments.seconds)
            load.join()
        if not report:
            raise programs.Failed("the load failed")
        script = found.run("perf", "script", "--no-inline", "-F", "comm,ip,sym,dso", "-i", data)
    tree = stacks(script)
    if not tree.count:
        raise programs.Failed("perf saw nothing")
    latency = report["latency_ms"]["p50"]
    note = f"one client, {latency:.1f} ms a request (median, perf beside it), {tree.count} samples of processor time"
    arguments.output.write_text(svg(tree, arguments.title, note))
    print(f"{arguments.output}: {note}")


if __name__ == "__main__":
    try:
        main()
    except programs.Failed as error:
        sys.exit(f"flame_graph.py: {error}")
