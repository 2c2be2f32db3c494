#!/usr/bin/env python3
"""Makes the built-in classifier from nothing: pictures, training, rounding to uint8, the file, samples, and the
measurements in README.md. `./dev train` runs it where its packages are."""

import argparse
import ctypes
import hashlib
import io
import json
import os
import pathlib
import shutil
import time

THREADS = 2  # another number sums in another order
os.environ["OMP_NUM_THREADS"] = str(THREADS)  # before torch
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # whoever waits leaves the core to others

import numpy
import torch
from PIL import Image

import classes
import dataset
import export
import interpreter
import lessons
import network
import pictures
import report
import samples
import tflite_reader
import training

HERE = pathlib.Path(__file__).resolve().parent
NAME = "Gantry built-in classifier"
DESCRIPTION = "64 everyday things, learnt from drawings of a font. Made by models/builtin/make.py of Gantry."
VALIDATION, HELDOUT = 40 * 64, 50 * 64
COURSES, COURSE_PICTURES, LAST_COURSE_PICTURES, ROUNDING_PICTURES = 6, 16384, 32768, 16384


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=pathlib.Path, default=HERE.parents[1] / "build" / "train",
                        help="folder for pictures and networks (2.5 GB); what is there is used again [build/train]")
    parser.add_argument("--fresh", action="store_true", help="empty that folder first")
    parser.add_argument("--output", type=pathlib.Path, default=HERE, help="where the model goes [beside this script]")
    parser.add_argument("--pictures", type=int, default=576, help="training pictures of each class [576]")
    parser.add_argument("--epochs", type=float, default=6, help="rounds of training [6]")
    parser.add_argument("--harsh-pictures", type=int, default=384, help="harder pictures of each class, for later [384]")
    parser.add_argument("--harsh-epochs", type=float, nargs="+", default=[4, 3],
                        help="rounds of training with those; each number is a course of its own, from a high rate to none [4 3]")
    parser.add_argument("--courses", type=int, default=COURSES,
                        help=f"courses with the deeper network and ever new pictures, before the last one [{COURSES}]")
    parser.add_argument("--start", type=pathlib.Path, metavar="MODEL.tflite",
                        help="take the parameters of this file in place of what comes before those courses")
    return parser.parse_args()


def keep_memory():
    """Tells glibc to keep what was freed: a fifth of the time would go into getting the same memory again for every step."""
    libc, trim_threshold, mmap_max = ctypes.CDLL(None), -1, -4
    libc.mallopt(mmap_max, 0)
    libc.mallopt(trim_threshold, 2 ** 31 - 1)


def kept(path, layers, make):
    """The network that make() trains; from the file if it is there."""
    if path.exists():
        model = network.Network(layers).to(memory_format=torch.channels_last)
        model.load_state_dict(torch.load(path))
        return model.eval()
    model = make()
    torch.save(model.state_dict(), path)
    return model


def shallow(work, sprites, options):
    """The parameters of the shallow network, from pictures that are made once and seen several times."""
    count, harsh_count = (n * len(classes.CLASSES) for n in (options.pictures, options.harsh_pictures))
    learnt = dataset.training(work, sprites, count), dataset.labels_of(count)
    check = dataset.validation(work, sprites, VALIDATION), dataset.labels_of(VALIDATION)
    name = f"float-{count}-{options.epochs:g}"
    model = kept(work / f"{name}.pt", network.SHALLOW,
                 lambda: training.float_network(network.SHALLOW, *learnt, check, options.epochs))
    harsh = dataset.harsh(work, sprites, harsh_count), dataset.labels_of(harsh_count)
    check = dataset.harsh_validation(work, sprites, VALIDATION), dataset.labels_of(VALIDATION)
    name += f"-harsh-{harsh_count}"
    for course, epochs in enumerate(options.harsh_epochs):
        name += f"-{epochs:g}"
        model = kept(work / f"{name}.pt", network.SHALLOW,
                     lambda: training.refined(model, *harsh, check, epochs, seed=13 + 10 * course))
    return network.parameters(model), name


def trained(work, sprites, options):
    """The float network and the one that learnt with rounding."""
    if options.start:
        known = tflite_reader.parameters(options.start.read_bytes(), network.SHALLOW)
        name = f"start-{hashlib.sha256(options.start.read_bytes()).hexdigest()[:12]}"
    else:
        known, name = shallow(work, sprites, options)
    pool = dataset.backgrounds(work)
    check = dataset.harsh_validation(work, sprites, VALIDATION), dataset.labels_of(VALIDATION)
    some, _ = lessons.Lessons(sprites, pool, 100).batch(512)
    model = network.unfolded(network.CLASSIFIER, network.deepened(known, network.SHALLOW, network.CLASSIFIER), some)
    print(f"deeper network: {training.accuracy(model, *check):.4f}", flush=True)
    for course in range(options.courses + 1):
        last = course == options.courses
        made = lessons.Lessons(sprites, pool, 101 + course)
        name += "-last" if last else "-more"
        model = kept(work / f"{name}.pt", network.CLASSIFIER, lambda: training.taught(
            model, made, check, LAST_COURSE_PICTURES if last else COURSE_PICTURES, seed=101 + course, last=last))
    made = lessons.Lessons(sprites, pool, 99)
    return model, training.quantized_network(model, made, check, ROUNDING_PICTURES)


def write_samples(folder, sprites, tflite):
    """The sample pictures and what the model says to each. Ends the program if it says something else."""
    folder.mkdir(exist_ok=True)
    expected, answers = {}, []
    for number, (name, *_) in enumerate(samples.SAMPLES):
        file, data = samples.file_name(number), samples.sample(sprites, number)
        (folder / file).write_bytes(data)
        scores = tflite.run(pictures.squeezed(Image.open(io.BytesIO(data)).convert("RGB")))[0][0] / 256
        expected[file] = name
        answers.append((file, scores))
    (folder / "samples.json").write_text(json.dumps(expected, indent=2) + "\n")
    wrong = [file for file, scores in answers if classes.NAMES[scores.argmax()] != expected[file]]
    if wrong:
        raise SystemExit(f"samples: the model is wrong on {', '.join(wrong)}")
    return answers


def main():
    started = time.monotonic()
    options = arguments()
    keep_memory()
    torch.set_num_threads(THREADS)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # which costs time and hides nothing here
    if options.fresh:
        shutil.rmtree(options.work, ignore_errors=True)
    options.work.mkdir(parents=True, exist_ok=True)
    options.output.mkdir(parents=True, exist_ok=True)

    sprites = pictures.sprites()
    floating, folded = trained(options.work, sprites, options)
    model = export.classifier(folded, pictures.INPUT, classes.NAMES, NAME, DESCRIPTION)
    (options.output / "classifier.tflite").write_bytes(model)
    tflite = interpreter.Interpreter(model)
    answers = write_samples(options.output / "samples", sprites, tflite)

    labels = dataset.labels_of(HELDOUT)
    levels = [report.Level(level, floating, tflite, dataset.heldout(options.work, sprites, level, HELDOUT), labels)
              for level in pictures.LEVELS]
    some = numpy.array(dataset.heldout(options.work, sprites, "medium", HELDOUT)[:640])
    imitation = numpy.abs(training.scores(folded, some) - report.measured(tflite, some))
    together = [numpy.mean([level.right(getattr(level, kind)) for level in levels]) for kind in ("floating", "quantized")]
    macs = network.multiply_accumulates(network.CLASSIFIER, pictures.INPUT)
    lines = [
        f"{len(model)} bytes, {sum(p.numel() for p in folded.parameters())} weights and biases, {macs / 1e6:.1f} million "
        f"multiply-accumulates a picture. Learnt from {options.pictures * len(classes.CLASSES)} pictures, "
        f"{options.epochs:g} epochs, then from {options.harsh_pictures * len(classes.CLASSES)} harder ones, "
        f"{' + '.join(f'{n:g}' for n in options.harsh_epochs)} epochs, then from "
        f"{options.courses * COURSE_PICTURES + LAST_COURSE_PICTURES} that it saw once.", "",
        "| distortion | pictures | float | uint8, TensorFlow Lite | same answer | mean difference | largest difference |",
        "|---|---|---|---|---|---|---|",
        *(level.row() for level in levels),
        f"| **all** | {len(labels) * len(levels)} | **{together[0]:.2%}** | **{together[1]:.2%}** | | | |", "",
        "Accuracy is top-1; differences are of probabilities, over all classes. TensorFlow Lite differs from our own "
        f"imitation of uint8, which the network learnt with, by {imitation.mean():.5f} on average and {imitation.max():.3f} "
        "at most (640 pictures).", "",
        "### The samples", "", *report.samples_table(answers), "",
        "### By class", "", "The uint8 model through TensorFlow Lite, "
        f"{HELDOUT // len(classes.CLASSES)} pictures a cell.", "", *report.per_class(levels)]
    report.confusion_picture(levels, options.output / "confusion.png")
    if (options.output / "README.md").exists():
        report.write(options.output / "README.md", lines)
    else:
        (options.output / "measured.md").write_text("\n".join(lines) + "\n")
    for line in lines[:8 + len(levels)]:
        print(line)
    print(f"made {options.output / 'classifier.tflite'} in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
