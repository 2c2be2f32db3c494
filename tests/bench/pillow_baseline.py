"""The picture of row 5, and how long Pillow takes for it. Runs as a process of its own:

    pillow_baseline.py make PHOTO OUT.jpg [--progressive]   a 12-megapixel JPEG out of a smaller photo
    pillow_baseline.py time PICTURE SIDE COUNT              milliseconds of each of COUNT runs, as JSON
"""

import io
import json
import sys
import time

from PIL import Image


def make(photo, out, progressive):
    size = (4000, 3000)
    image = Image.open(photo).convert("RGB").resize(size, Image.Resampling.BICUBIC)
    # Enlarging leaves nothing fine; a camera's picture has noise, which is most of what a JPEG decoder works on.
    noise = Image.merge("RGB", [Image.effect_noise(size, 24) for _ in range(3)])
    image = Image.blend(image, noise, 0.35)
    image.save(out, quality=90, progressive=progressive)


def measure(picture, side, count):
    with open(picture, "rb") as file:
        data = file.read()
    times = []
    for _ in range(count):
        start = time.perf_counter()
        # What the plan's service does with an upload.
        Image.open(io.BytesIO(data)).convert("RGB").resize((side, side), Image.Resampling.BILINEAR).tobytes()
        times.append((time.perf_counter() - start) * 1000)
    print(json.dumps(times))


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2], sys.argv[3], "--progressive" in sys.argv)
    else:
        measure(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
