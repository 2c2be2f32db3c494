"""Sets of pictures as arrays, made once and kept in a folder: making them again takes minutes."""

import multiprocessing
import pathlib
import time

import numpy

import lessons
import pictures
from classes import CLASSES

PROCESSES = 2  # a picture is the same whoever makes it


def labels_of(count):
    return numpy.arange(count) % len(CLASSES)


def made_once(folder, name, count, picture, size=pictures.INPUT):
    """The array [count, size, size, 3] of picture(0), picture(1), …; from the folder if it is there.

    Other processes call picture(), so it must depend on its number alone."""
    path = pathlib.Path(folder) / f"{name}-{count}.npy"
    if not path.exists():
        started = time.monotonic()
        unfinished = path.with_suffix(".part")
        shape = (count, size, size, 3)
        array = numpy.lib.format.open_memmap(unfinished, "w+", numpy.uint8, shape)

        def some(first):
            told = started
            for number in range(first, count, PROCESSES):
                array[number] = picture(number)
                if first == 0 and time.monotonic() - told > 30:
                    told = time.monotonic()
                    print(f"pictures: {name} {number + 1} of {count}", flush=True)

        fork = multiprocessing.get_context("fork")  # so that they have what picture() refers to, and write into the same file
        makers = [fork.Process(target=some, args=(first,), daemon=True) for first in range(PROCESSES)]
        for maker in makers:
            maker.start()
        for maker in makers:
            maker.join()
        if any(maker.exitcode != 0 for maker in makers):
            raise SystemExit(f"pictures: {name}: a process ended with {[maker.exitcode for maker in makers]}")
        array.flush()
        del array
        unfinished.rename(path)
        print(f"pictures: {name} {count}, {time.monotonic() - started:.0f} s", flush=True)
    return numpy.load(path, mmap_mode="r")


def training(folder, sprites, count):
    return made_once(folder, "training", count,
                     lambda number: pictures.training_picture(sprites, pictures.SEED_TRAINING, number))


def validation(folder, sprites, count):
    """From the world of training: what decisions while training are made by."""
    return made_once(folder, "validation", count,
                     lambda number: pictures.training_picture(sprites, pictures.SEED_VALIDATION, number))


def harsh(folder, sprites, count):
    return made_once(folder, "harsh", count,
                     lambda number: pictures.harsh_picture(sprites, pictures.SEED_HARSH, number))


def harsh_validation(folder, sprites, count):
    return made_once(folder, "harsh-validation", count,
                     lambda number: pictures.harsh_picture(sprites, pictures.SEED_HARSH_VALIDATION, number))


def backgrounds(folder):
    """What lessons.py cuts its backgrounds from."""
    return made_once(folder, "backgrounds", lessons.POOL, lessons.pool_picture, lessons.POOL_SIZE)


def heldout(folder, sprites, level, count):
    """Never used to decide anything: what is reported."""
    return made_once(folder, f"heldout-{level}", count,
                     lambda number: pictures.heldout_picture(sprites, level, number))
