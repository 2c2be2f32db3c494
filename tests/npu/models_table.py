"""Every model of ../shared/models on Debian's unmodified libteflon.so of each Mesa, without and with the guard: does it crash,
lie, or answer as the CPU does? As a program it writes docs/npu-models.md (minutes):

    ./dev test --preset arm64 -N
    GANTRY_NPU_ROOTS=~/.cache/gantry/npu PYTHONPATH=emulator/tests ./dev shell python3 tests/npu/models_table.py --build build
"""

import argparse
import array
import json
import math
import os
import pathlib
import sys
import tempfile

import emulated
import real_library
from real_library import LIBRARY, MODELS

MOST_STEPS = 8       # of an output's 256: rounding differs by one step a layer, and softmax spreads it
MOST_PIXELS = 2.5    # of a box's edge: one step of a large box's height is 2
LEAST_SCORE = 0.4    # of a detection that somebody would believe
MOST_SCORE = 0.08    # that a believed detection's score may differ
TIME_LIMIT = 600     # seconds for one model

PICTURES = {
    "coco_ssd_mobilenet_v1_1.0_quant_2018_06_29": "cats_and_dogs.jpg",
    "ssdlite_mobiledet_dog_vs_cat": "cats_and_dogs.jpg",
    # Of the other one this small model is not sure: its first two are three steps apart.
    "mobilenet_v1_0.25_224_quant": "burger.jpg",
}
PICTURE = "grace_hopper.bmp"
INPUT_SIDE = {"coco_ssd_mobilenet_v1_1.0_quant_2018_06_29": 300, "ssdlite_mobiledet_dog_vs_cat": 320}

HEAD = """# Models behind the guard

Made by `tests/npu/models_table.py`. Debian's unmodified arm64 libteflon.so of each Mesa runs on the emulated NPU, under
TensorFlow Lite 2.14.1. *Alone*: it sees the whole model. *Guarded*: it sees only the operators that `npu::guard`
offers. The outputs are compared with those of TensorFlow Lite's CPU kernels in the same process, on the same picture
(on noise if a model takes no picture).

*Right*: outputs of 8 and 16 bits are within {steps} steps, and the best class is the same. In a segmentation, at most 1 % of
the pixels differ. Detections with a score of at least 0.4 have the same class, boxes within {pixels} pixels and scores
within 0.08. *Refused*: TensorFlow Lite or our own reader of model files refuses the model, with or without an NPU.
"""


def model_names():
    paths = sorted(MODELS.glob("*.tflite")) + sorted((MODELS / "ops").glob("*.tflite"))
    return [str(path.relative_to(MODELS).with_suffix("")) for path in paths]


def detections(folder, device):
    """[(class, score, box)] of the four outputs of TFLite_Detection_PostProcess, as far as somebody would believe them."""
    boxes, classes, scores = (array.array("f", (folder / f"{device}-{i}").read_bytes()) for i in range(3))
    return [(int(classes[i]), scores[i], boxes[4 * i:4 * i + 4]) for i in range(len(scores))]


def same_detections(folder, side):
    """Whether each believed detection of one has its like in the other's; and how far boxes are apart, in pixels."""
    cpu, npu = detections(folder, "cpu"), detections(folder, "npu")
    worst = 0.0
    for here, there in ((cpu, npu), (npu, cpu)):
        for label, score, box in here:
            if score < LEAST_SCORE:
                continue
            distances = [max(abs(a - b) for a, b in zip(box, other)) * side for other_label, other_score, other in there
                         if other_label == label and abs(other_score - score) <= MOST_SCORE]
            if not distances or min(distances) > MOST_PIXELS:
                return False, math.inf
            worst = max(worst, min(distances))
    return True, worst


def judge(model, outputs, folder):
    """("right" or "wrong", what was seen) of a run that ended well."""
    if not outputs:
        return "right", "all on the CPU"
    if model in INPUT_SIDE:
        same, pixels = same_detections(folder, INPUT_SIDE[model])
        return ("right", f"boxes within {pixels:.1f} px") if same else ("wrong", "other detections")
    seen = []
    right = True
    for output in outputs:
        largest = output["max"]
        if output["dtype"] in ("int64", "int32"):
            share = output["different"] / max(1, output["size"])
            right = right and share <= 0.01
            seen.append(f"{100 * share:.2f} % of {output['size']} differ")
        elif output["dtype"] in ("uint8", "int8", "int16"):
            right = right and largest <= MOST_STEPS
            words = f"max {largest:.0f} in {output['different']} of {output['size']}"
            if len(output["shape"]) == 2 and output["size"] > 1:
                right = right and output["top1"][0] == output["top1"][1]
                words += f", top-1 {output['top1'][1]}" + (f" instead of {output['top1'][0]}"
                                                           if output["top1"][0] != output["top1"][1] else "")
            seen.append(words)
        else:
            right = right and largest <= 1e-3
            seen.append("no numbers" if largest > 1e29 else f"max {largest:.3g}")
    return ("right" if right else "wrong"), "; ".join(seen)


def try_model(root, model, guarded, time_limit=TIME_LIMIT):
    """{"outcome": right | wrong | crash | hang | refused, "seen": words, and where it ran "delegated", "partitions", …}."""
    with tempfile.TemporaryDirectory() as folder:
        words = [real_library.RUN_MODEL, MODELS / f"{model}.tflite", "--delegate", LIBRARY, "--dump", folder]
        picture = emulated.SHARED / "images" / PICTURES.get(model, PICTURE)
        words += ["--picture", picture] + ([] if guarded else ["--alone"])
        done = real_library.run(*words, sysroot=root, timeout=time_limit)
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        if done.timed_out:
            return {"outcome": "hang", "seen": f"no end within {time_limit} s"}
        if done.returncode < 0 or done.returncode > 127:
            return {"outcome": "crash", "seen": f"signal {abs(done.returncode) & 127}"}
        if done.returncode != 0 or not lines:
            reason = [line for line in done.stderr.splitlines() if line.startswith("run_model: ")]
            return {"outcome": "refused", "seen": reason[-1].removeprefix("run_model: ") if reason else done.stderr[-200:]}
        result = json.loads(lines[-1])
        result["outcome"], result["seen"] = judge(model, result["outputs"], pathlib.Path(folder))
        return result


def cell(result, with_share):
    text = {"right": "right", "refused": "refused"}.get(result["outcome"], f"**{result['outcome']}**")
    if result["outcome"] in ("right", "wrong"):
        text += f": {result['seen']}"
    if with_share and result.get("delegated"):
        share = 100 * result["npu_macs"] / max(1, result["macs"])
        text += (f"; {result['delegated']} of {result['operators']} operators in {result['partitions']} "
                 f"partition{'' if result['partitions'] == 1 else 's'}, {share:.0f} % of MACs")
    return text


def main():
    parser = argparse.ArgumentParser(description="writes docs/npu-models.md")
    parser.add_argument("--build", type=pathlib.Path, required=True, help="the folder with dev/ and arm64/")
    parser.add_argument("--only", default="", help="models whose name contains this")
    parser.add_argument("--cache", type=pathlib.Path, help="JSON of earlier results, kept up to date")
    options = parser.parse_args()
    build = options.build.resolve()
    real_library.EMULATOR = str(build / "dev/emulator/program/gantry-emulator")
    real_library.PRELOAD = str(next((build / "arm64/emulator/preload").glob("lib*.so")))
    real_library.RUN_MODEL = str(build / "arm64/tests/npu/run_model")
    known = json.loads(options.cache.read_text()) if options.cache and options.cache.exists() else {}
    columns = [(root, real_library.version_of(root), guarded) for root in real_library.roots() for guarded in (False, True)]
    lines = [HEAD.format(steps=MOST_STEPS, pixels=MOST_PIXELS)]
    lines.append("| model | " + " | ".join(f"Mesa {mesa}, {'guarded' if guarded else 'alone'}" for _, mesa, guarded in columns) + " |")
    lines.append("|---" * (len(columns) + 1) + "|")
    for model in model_names():
        if options.only not in model:
            continue
        cells = []
        for root, mesa, guarded in columns:
            key = f"{model} {mesa} {guarded}"
            if key not in known:
                known[key] = try_model(root, model, guarded)
                print(f"{key}: {known[key]['outcome']}: {known[key]['seen']}", file=sys.stderr, flush=True)
                if options.cache:
                    options.cache.write_text(json.dumps(known, indent=1))
            cells.append(cell(known[key], guarded))
        lines.append(f"| {model} | " + " | ".join(cells) + " |")
    if not options.only:
        page = pathlib.Path(__file__).parents[2] / "docs/npu-models.md"
        page.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.path.insert(0, os.fspath(pathlib.Path(__file__).parents[2] / "emulator/tests"))
    main()
