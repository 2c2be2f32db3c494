"""The sample pictures beside the model: one object in a scene that looks like a place, larger than any training
picture, of seeds of their own."""

import io

import numpy
from PIL import Image, ImageDraw, ImageFilter

import pictures
from classes import NAMES

LARGEST_BYTES = 40_000
# (object, scene, width, height)
SAMPLES = (
    ("cat", "meadow", 480, 360), ("elephant", "meadow", 480, 320), ("butterfly", "sky", 400, 300),
    ("apple", "table", 400, 300), ("hamburger", "table", 480, 360), ("pineapple", "table", 360, 400),
    ("bicycle", "meadow", 480, 320), ("car", "meadow", 480, 360), ("helicopter", "sky", 480, 360),
    ("guitar", "room", 360, 400), ("camera", "table", 400, 300), ("alarm clock", "room", 400, 300),
)


def scene(random, kind, width, height):
    """The picture without its object, and at which height things stand in it."""
    if kind in ("meadow", "sky"):
        return pictures.hills(random, width, height), 0.93 if kind == "meadow" else 0.72
    image = pictures.bricks(random, width, height) if kind == "room" else pictures.lights(random, width, height)
    image = image.filter(ImageFilter.GaussianBlur(3))  # the wall is far away
    edge = round(height * 0.62)
    image.paste(pictures.wood(random, width, height - edge), (0, edge))
    return image, 0.9


def sample(sprites, number):
    """The encoded JPEG of SAMPLES[number]."""
    name, kind, width, height = SAMPLES[number]
    random = numpy.random.default_rng((pictures.SEED_SAMPLES, number))
    image, ground = scene(random, kind, width, height)
    sprite = sprites[NAMES.index(name)]
    scale = random.uniform(0.6, 0.72) * min(width, height) / max(sprite.size)
    sprite = pictures.resized(sprite, sprite.width * scale, sprite.height * scale)
    sprite = pictures.turned(sprite, random.uniform(-8, 8))
    x = round((width - sprite.width) / 2 + random.uniform(-0.08, 0.08) * width)
    y = round(ground * height - sprite.height)
    if kind != "sky":
        dark = Image.new("L", image.size)
        ImageDraw.Draw(dark).ellipse((x + 0.08 * sprite.width, y + 0.9 * sprite.height,
                                      x + 0.96 * sprite.width, y + 1.02 * sprite.height), fill=150)
        image.paste((0, 0, 0), (0, 0), dark.filter(ImageFilter.GaussianBlur(0.02 * height)))
    pictures.pasted(image, sprite, (x, y))
    image = image.filter(ImageFilter.GaussianBlur(0.6))
    image = pictures.as_image(numpy.asarray(image, float) + random.normal(0, 3, (height, width, 1)))
    for quality in range(90, 30, -5):
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=quality)
        if stream.tell() <= LARGEST_BYTES:
            break
    return stream.getvalue()


def file_name(number):
    return SAMPLES[number][0].replace(" ", "-") + ".jpg"
