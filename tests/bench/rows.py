"""The rows of product.md's table that a CPU can measure. Every ratio is of two things measured in turn in one run."""

import collections
import contextlib
import dataclasses
import json
import pathlib
import statistics
import sys
import time

import programs
from measuring import Outcome, middle, number

HERE = pathlib.Path(__file__).resolve().parent
MEGABYTE = 1e6


@dataclasses.dataclass
class Bench:
    """What the rows share."""

    programs: programs.Programs
    shared: pathlib.Path
    folder: pathlib.Path  # for files made on the way; empty at the start
    progress: object
    rounds: int
    seconds: float  # of one measurement
    serve_arguments: list  # --slots and --threads, where asked for

    @property
    def mobilenet(self):
        return self.shared / "models/mobilenet_v1_1.0_224_quant.tflite"

    def serve_mobilenet(self):
        """With labels, as ./dev serve does it."""
        labels = self.shared / "labels/labels_mobilenet_quant_v1_224.txt"
        return self.programs.serve(self.mobilenet, *(["--labels", labels] if labels.exists() else []),
                                   *self.serve_arguments)

    @property
    def picture(self):
        return self.shared / "images/grace_hopper_224.jpg"

    def each_round(self, what):
        for i in range(self.rounds):
            self.progress.step(f"{what}: round {i + 1} of {self.rounds}")
            yield i

    def infer(self, *arguments):
        """Load's arguments for the 224×224 JPEG, as `curl -F image=@…` sends it."""
        return ["--path", "/infer", "--body", self.picture, "--form-field", "image", "--number", "inference_time_ms",
                "--seconds", self.seconds, *arguments]


def throughput(bench):
    service_rps, bare_rps = [], []
    with bench.serve_mobilenet() as service:
        for _ in bench.each_round("1 throughput"):
            service_rps.append(bench.programs.load(
                service.port, *bench.infer("--connections", 100, "--warm-up", 2))["per_second"])
            time.sleep(1)  # what was under way when the load ended is finished or dropped
            # Twice: bench also times single invokes for as long.
            report = bench.programs.bench(bench.mobilenet, "--slots", service.slots, "--threads", service.threads,
                                          "--seconds", f"{bench.seconds}s")
            bare_rps.append(report["slots_table"][0]["per_second"])
        where = f"{service.slots} slot(s) of {service.threads} thread(s)"
    yield Outcome("1", "service throughput, 100 clients ÷ bare invoke loop", at_least=0.95,
                  samples=[a / b for a, b in zip(service_rps, bare_rps)],
                  note=f"per second: service {middle(service_rps)}, bare {middle(bare_rps)}; {where}")


def added_time(bench):
    ours, theirs = [], []
    has_flask = programs.has_modules("flask", "PIL", "numpy")
    with contextlib.ExitStack() as stack:
        service = stack.enter_context(bench.serve_mobilenet())
        if has_flask:
            flask = stack.enter_context(bench.programs.flask(bench.mobilenet, service.threads))
        for _ in bench.each_round("2 time added to a request"):
            added = bench.programs.load(service.port, *bench.infer("--warm-up", 1))["latency_less_number_ms"]
            ours.append(added["p50"])
            if has_flask:
                added = bench.programs.load(flask.port, *bench.infer("--warm-up", 1))["latency_less_number_ms"]
                theirs.append(added["p50"])
    yield Outcome("2a", "time added to a 224×224 JPEG request, p50", unit="ms", at_most=1, samples=ours,
                  note="request latency less its own inference_time_ms, one client on keep-alive")
    yield Outcome("2b", "… ÷ the plan's Flask service", at_most=0.2, samples=[a / b for a, b in zip(ours, theirs)],
                  note=f"Flask: {middle(theirs)} ms" if has_flask else "",
                  skipped="" if has_flask else "python3-flask, python3-pil or python3-numpy is not installed")


def identity(bench):
    model = bench.programs.make_identity_model(bench.folder / "identity.tflite")
    picture = bench.folder / "8x8.ppm"
    picture.write_bytes(b"P6 8 8 255\n" + bytes(range(8 * 8 * 3)))
    values = collections.defaultdict(list)
    post = ["--path", "/infer", "--body", picture, "--content-type", "image/x-portable-pixmap"]
    with bench.programs.serve(model, *bench.serve_arguments) as service, bench.programs.hello() as hello:
        for _ in bench.each_round("3 identity model"):
            for connections in (1, 100):
                common = ["--seconds", bench.seconds / 2, "--warm-up", 0.5, "--connections", connections]
                for name, port, what in (("identity", service.port, post), ("hello", hello.port, [])):
                    report = bench.programs.load(port, *what, *common)
                    values[name, connections].append(
                        report["latency_ms"]["p50"] * 1000 if connections == 1 else report["per_second"])
    yield Outcome("3a", "identity model over keep-alive, p50 ÷ bare hello handler", at_most=1.3,
                  samples=[a / b for a, b in zip(values["identity", 1], values["hello", 1])],
                  note=f"µs: identity {middle(values['identity', 1])}, hello {middle(values['hello', 1])}")
    yield Outcome("3b", "… throughput at 100 connections ÷ hello's", at_least=0.5,
                  samples=[a / b for a, b in zip(values["identity", 100], values["hello", 100])],
                  note=f"per second: identity {middle(values['identity', 100])}, hello {middle(values['hello', 100])}")


def inference_time(bench):
    in_service, bare = [], []
    with bench.serve_mobilenet() as service:
        for _ in bench.each_round("4 inference time in the service"):
            in_service.append(bench.programs.load(service.port, *bench.infer("--warm-up", 1))["number"]["p50"])
            bare.append(bench.programs.bench(bench.mobilenet, "--threads", service.threads, "--image", bench.picture,
                                             "--seconds", f"{bench.seconds}s")["invoke_ms"]["p50"])
    yield Outcome("4", "inference_time_ms in the service ÷ gantry bench, p50", at_most=1.02,
                  samples=[a / b for a, b in zip(in_service, bare)],
                  note=f"ms: service {middle(in_service)}, bench {middle(bare)}")


def large_picture(bench):
    if not programs.has_modules("PIL"):
        yield Outcome("5", "12-megapixel JPEG to tensor", skipped="python3-pil is not installed")
        return
    count = 6  # the first of each process does not count
    # The bars are for baseline JPEGs: of a progressive one the most is entropy decoding.
    for kind, scaling_row, scaling_bar, exact_row, exact_bar in (("baseline", "5a", 3, "5b", 1.5),
                                                                ("progressive", "5c", None, "5d", None)):
        picture = bench.folder / f"{kind}.jpg"
        bench.progress.step(f"5 12-megapixel JPEG: making the {kind} one")
        bench.programs.make_large_jpeg(bench.shared, picture, *(["--progressive"] if kind == "progressive" else []))
        exact, scaling, theirs = [], [], []
        for _ in bench.each_round(f"5 12-megapixel JPEG, {kind}"):
            for ours, options in (exact, []), (scaling, ["--dct-scaling"]):
                document = json.loads(bench.programs.run(bench.programs.gantry, "run", bench.mobilenet,
                                                         *[picture] * count, "--json", *options))
                times = [r["timings_ms"]["decode"] + r["timings_ms"]["resize"] for r in document["results"]]
                ours.append(statistics.median(times[1:]))
            times = json.loads(bench.programs.run(sys.executable, HERE / "pillow_baseline.py", "time", picture, 224, count))
            theirs.append(statistics.median(times[1:]))
        size = f"{picture.stat().st_size / 1e6:.1f} MB, {kind}"
        for row, what, bar, ours in (
                (scaling_row, "12-megapixel JPEG to tensor with --dct-scaling, Pillow's time ÷ ours", scaling_bar, scaling),
                (exact_row, "… by the bit-exact path, which is the default", exact_bar, exact)):
            yield Outcome(row, what, at_least=bar, samples=[b / a for a, b in zip(ours, theirs)],
                          note=f"ms: ours {middle(ours)}, Pillow {middle(theirs)}; {size}")


def memory(bench):
    beside, idle, share = [], [], []
    if bench.mobilenet.exists():
        for _ in bench.each_round("6 memory, idle"):
            with bench.serve_mobilenet() as service:
                resident, threads = service.resident_bytes(), service.threads
            report = bench.programs.bench(bench.mobilenet, "--runs", 1, "--threads", threads)["memory_bytes"]
            interpreter = report["after_first_invoke"] - report["before_load"]
            idle.append(resident / MEGABYTE)
            share.append(interpreter / MEGABYTE)
            beside.append((resident - interpreter) / MEGABYTE)
    yield Outcome("6a", "resident memory, idle, beside model and interpreter", unit="MB", at_most=30, samples=beside,
                  note=f"MB: ready service with MobileNetV1 {middle(idle)}, less what gantry bench grows by between "
                       f"load and first invoke, {middle(share)}" if idle else "",
                  skipped="" if idle else no_shared(bench))
    yield from soak(bench)


def soak(bench):
    model = bench.programs.make_identity_model(bench.folder / "identity.tflite")
    picture = bench.folder / "8x8.ppm"
    picture.write_bytes(b"P6 8 8 255\n" + bytes(range(8 * 8 * 3)))
    pictures = [picture, *(p for p in [bench.picture, bench.shared / "images/tower_progressive.jpg",
                                       bench.shared / "images/chelsea.png"] if p.exists())]
    load = ["--path", "/infer", *(x for p in pictures for x in ("--body", p)), "--form-field", "image", "--connections",
            50]
    pieces, requests, resident = 8, 0, []
    with bench.programs.serve(model, *bench.serve_arguments) as service:
        idle = service.resident_bytes()
        for piece in range(-2, pieces):
            bench.progress.step("6 memory: warming up" if piece < 0 else f"6 memory: soak, {piece + 1} of {pieces}")
            report = bench.programs.load(service.port, *load, "--seconds", 2 * bench.seconds)
            if piece >= 0:
                requests += report["requests"]
                time.sleep(1)  # what was under way when the load ended is finished
                resident.append(service.resident_bytes() / MEGABYTE)
    early, late = (statistics.median(half) for half in (resident[:pieces // 2], resident[pieces // 2:]))
    yield Outcome("6b", "resident memory, second half of a soak ÷ first half", at_most=1.01, samples=[late / early],
                  note=f"{requests} requests, {len(pictures)} kinds of picture, 50 clients, identity model; "
                       f"MB: {', '.join(map(number, resident))}")
    yield Outcome("6c", "resident memory with the identity model, idle", unit="MB", samples=[idle / MEGABYTE],
                  note="for orientation: with TensorFlow Lite's library and an interpreter that costs nothing")


def start(bench):
    times = []
    for i in range(4 * bench.rounds):
        bench.progress.step(f"7 start: {i + 1} of {4 * bench.rounds}")
        begin = time.monotonic()
        with bench.serve_mobilenet() as service:
            programs.wait_for(lambda: programs.get_status(service.port, "/health/ready") == 200, service.process,
                              "gantry serve", 0.001)
            times.append((time.monotonic() - begin) * 1000)
    yield Outcome("7", "start to ready with MobileNetV1", unit="ms", at_most=150, samples=times,
                  note=f"from exec to the first 200 of /health/ready, {len(times)} starts, files in the page cache")


def no_shared(bench):
    return f"{bench.mobilenet} is not there"


@dataclasses.dataclass
class Row:
    what: str
    measure: object
    needs_shared: bool


ROWS = {
    "1": Row("throughput at 100 concurrent clients", throughput, True),
    "2": Row("time added to a 224×224 JPEG request", added_time, True),
    "3": Row("identity model against a bare hello handler", identity, False),
    "4": Row("inference time in the service", inference_time, True),
    "5": Row("12-megapixel JPEG to tensor", large_picture, True),
    "6": Row("resident memory", memory, False),
    "7": Row("start to ready", start, True),
}


def measure(bench, row):
    """The outcomes of one row; one that says why where it can't be measured."""
    entry = ROWS[row]
    if entry.needs_shared and not bench.mobilenet.exists():
        return [Outcome(row, entry.what, skipped=no_shared(bench))]
    return list(entry.measure(bench))
