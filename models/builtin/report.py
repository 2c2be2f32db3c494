"""Measures the finished model on pictures that nothing was decided by, and writes what README.md shows."""

import numpy
from PIL import Image, ImageDraw, ImageFont

import training
from classes import NAMES

BEGIN, END = "<!-- measured: make.py writes from here -->", "<!-- measured: to here -->"


def measured(interpreter, pictures):
    """Probabilities from TensorFlow Lite, [N,classes]."""
    return numpy.stack([interpreter.run(picture)[0][0] for picture in pictures]) / 256


class Level:
    """What float and uint8 network say to the pictures of one level of distortion."""

    def __init__(self, name, floating, interpreter, pictures, labels):
        self.name, self.labels = name, labels
        self.floating = training.scores(floating, pictures)
        self.quantized = measured(interpreter, pictures)

    def right(self, scores):
        return float((scores.argmax(1) == self.labels).mean())

    def row(self):
        difference = numpy.abs(self.floating - self.quantized)
        agreement = (self.floating.argmax(1) == self.quantized.argmax(1)).mean()
        return (f"| {self.name} | {len(self.labels)} | {self.right(self.floating):.2%} | {self.right(self.quantized):.2%} "
                f"| {agreement:.2%} | {difference.mean():.5f} | {difference.max():.3f} |")


def per_class(levels):
    rows = ["| class | " + " | ".join(level.name for level in levels) + " | most often taken for |",
            "|---|" + "---|" * (len(levels) + 1)]
    for number, name in enumerate(NAMES):
        cells, wrong = [], numpy.zeros(len(NAMES), int)
        for level in levels:
            answers = level.quantized[level.labels == number].argmax(1)
            cells.append(f"{(answers == number).mean():.0%}")
            wrong += numpy.bincount(answers, minlength=len(NAMES))
        wrong[number] = 0
        other = f"{NAMES[wrong.argmax()]} ({wrong.max()})" if wrong.any() else ""
        rows.append(f"| {name} | " + " | ".join(cells) + f" | {other} |")
    return rows


def confusion_picture(levels, path):
    """Rows: what it is; columns: what the uint8 network says. Numbers: pictures, all levels together."""
    counts = numpy.zeros((len(NAMES), len(NAMES)), int)
    for level in levels:
        numpy.add.at(counts, (level.labels, level.quantized.argmax(1)), 1)
    cell, margin = 19, 112
    side = margin + cell * len(NAMES)
    image = Image.new("RGB", (side + 4, side + 4), "white")
    draw = ImageDraw.Draw(image)
    font, small = ImageFont.load_default(13), ImageFont.load_default(10)
    for i, name in enumerate(NAMES):
        middle = margin + cell * i + cell // 2
        draw.text((margin - 6, middle), name, "black", font, anchor="rm")
        upright = Image.new("RGB", (margin - 6, cell), "white")
        ImageDraw.Draw(upright).text((0, cell // 2), name, "black", font, anchor="lm")
        image.paste(upright.rotate(90, expand=True), (margin + cell * i, 0))
    for i, row in enumerate(counts):
        for j, count in enumerate(row):
            share = count / row.sum()
            x, y = margin + cell * j, margin + cell * i
            if i == j:  # green: right
                fill = tuple(int(255 - (255 - c) * share) for c in (40, 140, 70))
            else:  # red: wrong; full from 5 % on
                fill = tuple(int(255 - (255 - c) * min(1, share * 20) ** 0.5) for c in (225, 60, 40))
            draw.rectangle((x, y, x + cell - 1, y + cell - 1), fill=fill, outline=(225, 225, 225))
            if count:
                draw.text((x + cell // 2, y + cell // 2), str(count), "white" if share > 0.6 else "black", small, anchor="mm")
    image.quantize(64).save(path, optimize=True)


def samples_table(answers):
    rows = ["| picture | answer | probability | next best |", "|---|---|---|---|"]
    for file, scores in answers:
        best, second = scores.argsort()[::-1][:2]
        rows.append(f"| {file} | {NAMES[best]} | {scores[best]:.2f} | {NAMES[second]} {scores[second]:.2f} |")
    return rows


def write(readme, lines):
    """Replaces what stands between the two marks of README.md."""
    text = readme.read_text()
    before, rest = text.split(BEGIN)
    readme.write_text(before + BEGIN + "\n\n" + "\n".join(lines) + "\n\n" + END + rest.split(END)[1])
