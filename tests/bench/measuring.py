"""What a measurement comes to, and how it is printed."""

import dataclasses
import statistics
import sys


@dataclasses.dataclass
class Outcome:
    """One line of the table: a number measured several times against its bar."""

    row: str  # of product.md's table "Speed and size we hold ourselves to", with a letter where it has several bars
    what: str
    unit: str = ""  # empty: a ratio
    at_least: float | None = None
    at_most: float | None = None
    samples: list = dataclasses.field(default_factory=list)
    note: str = ""  # the numbers behind the ratio
    skipped: str = ""  # why there are no samples

    @property
    def median(self):
        return statistics.median(self.samples) if self.samples else None

    @property
    def met(self):
        """None: no bar, or not measured."""
        if not self.samples or (self.at_least is None and self.at_most is None):
            return None
        return ((self.at_least is None or self.median >= self.at_least) and
                (self.at_most is None or self.median <= self.at_most))

    def bar(self):
        if self.at_least is not None:
            return f"≥ {self.at_least:g}{self._unit()}"
        return f"≤ {self.at_most:g}{self._unit()}" if self.at_most is not None else "-"

    def measured(self):
        return f"{number(self.median)}{self._unit()}" if self.samples else "-"

    def spread(self):
        return f"{number(min(self.samples))}–{number(max(self.samples))}" if self.samples else "-"

    def verdict(self):
        if self.skipped:
            return "skipped"
        return {True: "met", False: "fell short", None: "no bar"}[self.met]

    def as_json(self):
        return {"row": self.row, "what": self.what, "unit": self.unit or "ratio", "at_least": self.at_least,
                "at_most": self.at_most, "median": self.median, "samples": self.samples, "verdict": self.verdict(),
                "note": self.note, "skipped": self.skipped}

    def _unit(self):
        return f" {self.unit}" if self.unit else ""


def number(value):
    """Three significant digits, no exponent."""
    if value == 0 or abs(value) >= 100:
        return f"{value:.0f}"
    digits = 3 if abs(value) < 10 else 1
    while abs(value) < 10 ** (2 - digits) and digits < 6:
        digits += 1
    return f"{value:.{digits}f}"


def middle(values):
    """Median with the spread around it, for notes."""
    values = list(values)
    return f"{number(statistics.median(values))} ({number(min(values))}–{number(max(values))})"


def table(outcomes):
    """Lines for a person; wide enough for the widest cell."""
    lines = [("row", "what", "bar", "measured", "min–max", "")]
    lines += [(o.row, o.what, o.bar(), o.measured(), o.spread(), o.verdict()) for o in outcomes]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    text = []
    for line, outcome in zip(lines, [None, *outcomes]):
        text.append("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())
        if outcome and (outcome.note or outcome.skipped):
            text.append(" " * (widths[0] + 2) + (outcome.skipped or outcome.note))
    return "\n".join(text)


class Progress:
    """Says on stderr what is being done: one line that is rewritten on a terminal, else a line a step."""

    def __init__(self, stream=sys.stderr):
        self._stream = stream
        self._moving = stream.isatty()

    def step(self, text):
        print(f"\r\033[K{text}" if self._moving else text, end="" if self._moving else "\n", file=self._stream,
              flush=True)

    def done(self):
        if self._moving:
            print("\r\033[K", end="", file=self._stream, flush=True)
