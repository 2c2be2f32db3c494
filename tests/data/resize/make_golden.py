#!/usr/bin/env python3
"""Writes golden.txt: what Pillow's Image.resize((w, h), Image.Resampling.BILINEAR) makes of noise.

    python3 tests/data/resize/make_golden.py        (Pillow 12.3 on amd64, numpy)

A line is: source width, source height, width, height, kind, seed, CRC-32 of the target's RGB bytes.
Source byte i of kind `noise` is the low byte of mix(i * 0x9E3779B9 + seed), mix being the finaliser
of MurmurHash3; kind `edges` has 255 where that byte is odd, else 0. resize_test.cc makes the same.

On arm64 Pillow's own coefficients may differ in the last bit, where its compiler fuses
multiplications with additions; the table is that of amd64.
"""

import pathlib
import zlib

import numpy
from PIL import Image


def source(width, height, kind, seed):
    with numpy.errstate(over="ignore"):
        x = numpy.arange(width * height * 3, dtype=numpy.uint32) * numpy.uint32(0x9E3779B9)
        x += numpy.uint32(seed)
        x ^= x >> 16
        x *= numpy.uint32(0x85EBCA6B)
        x ^= x >> 13
        x *= numpy.uint32(0xC2B2AE35)
        x ^= x >> 16
    values = (x & 255).astype(numpy.uint8)
    if kind == "edges":
        values = (values & 1) * numpy.uint8(255)
    return Image.fromarray(values.reshape(height, width, 3))


def cases():
    sides = [1, 2, 3, 4, 5, 7, 8, 16, 17, 31, 33]
    for n in sides:
        for m in sides:
            yield n, 6, m, 6  # one axis alone
            yield 6, n, 6, m
            yield n, m, m, n  # mixed
    for n in (1, 2, 3, 10, 100, 224, 1000):  # 1 x N and N x 1
        for m in (1, 2, 3, 10, 100, 224, 1000):
            yield n, 1, m, 1
            yield 1, n, 1, m
            yield n, 1, 1, m
    for width, height in ((451, 300), (640, 480), (517, 606), (1920, 1080), (1080, 1920), (223, 225)):
        for target in (224, 300, 96, 128, 513):
            yield width, height, target, target
    yield 4032, 3024, 224, 224
    yield 3024, 4032, 320, 320
    yield 32768, 3, 7, 5
    yield 3, 32768, 5, 7
    yield 40, 30, 1000, 700
    yield 1000, 1, 999, 1
    yield 300, 200, 299, 201
    yield 256, 256, 256, 256


def main():
    lines = []
    for seed, (width, height, out_width, out_height) in enumerate(dict.fromkeys(cases())):
        kind = "edges" if seed % 3 == 2 else "noise"
        image = source(width, height, kind, seed)
        image = image.resize((out_width, out_height), Image.Resampling.BILINEAR)
        crc = zlib.crc32(image.tobytes())
        lines.append(f"{width} {height} {out_width} {out_height} {kind} {seed} {crc:08x}\n")
    (pathlib.Path(__file__).parent / "golden.txt").write_text("".join(lines))


main()
