"""Pictures made of nothing but a font and random numbers: an emoji on a background, photographed badly.

Two worlds share nothing but the font's drawings: "training" and "heldout" have different families of
backgrounds, different kinds of distortion and different seeds. What was learnt in the one is measured in the other.

    training  backgrounds: gradients, clouds of noise, collages of rectangles, waves, soft light, blobs
              distortions: rotation and stretching, brightness, contrast and saturation, Gaussian blur and noise,
                           rectangles in front, JPEG
    heldout   backgrounds: Voronoi cells, hills under a sky, brick walls, lights out of focus, wood, scribbles
              distortions: perspective, gamma and a colour cast, motion blur, specks and speckle, round things in
                           front, a loss of resolution, WebP

Each picture has a canvas of its own size and shape and is then squeezed to the network's input, as the server does.
"""

import io

import numpy
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont

from classes import CLASSES

FONT = "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"
FONT_SIZE = 109  # the one size of the font's bitmaps
INPUT = 96

# Where the random numbers of each set begin. Every picture has a generator of its own: (set, number of the picture).
SEED_TRAINING, SEED_VALIDATION, SEED_HELDOUT, SEED_SAMPLES, SEED_HARSH, SEED_HARSH_VALIDATION, SEED_POOL = range(1, 8)


def sprites():
    """The emoji of every class as tight RGBA pictures of about 128 pixels, in the order of CLASSES."""
    font = ImageFont.truetype(FONT, FONT_SIZE)
    result = []
    for name, emoji in CLASSES:
        image = Image.new("RGBA", (160, 160))
        ImageDraw.Draw(image).text((8, 8), emoji, font=font, embedded_color=True)
        box = image.getbbox()
        if box is None or box[2] - box[0] < 40:
            raise SystemExit(f"{FONT} has no coloured glyph for {name} ({emoji})")
        result.append(image.crop(box))
    return result


def color(random, low=0, high=255):
    return tuple(int(v) for v in random.integers(low, high + 1, 3))


def as_image(array):
    return Image.fromarray(numpy.clip(array, 0, 255).astype(numpy.uint8))


def mix(mask, first, second):
    """Two colours (or two arrays) mixed by a mask of 0 to 1."""
    mask = mask[..., None]
    return numpy.asarray(first, float) * (1 - mask) + numpy.asarray(second, float) * mask


def plane(random, width, height):
    """0 to 1 along a random direction."""
    angle = random.uniform(0, 2 * numpy.pi)
    y, x = numpy.mgrid[0:height, 0:width]
    along = x / width * numpy.cos(angle) + y / height * numpy.sin(angle)
    return (along - along.min()) / (numpy.ptp(along) + 1e-6)


def clouds(random, width, height, cells, channels=1):
    """Smooth noise of 0 to 1 with some `cells` bumps a side."""
    grid = random.integers(0, 256, (cells + 1, cells + 1, channels)).astype(numpy.uint8)
    planes = [Image.fromarray(grid[..., c]).resize((width, height), Image.Resampling.BICUBIC) for c in range(channels)]
    return numpy.stack([numpy.asarray(p, float) / 255 for p in planes], axis=-1)


# --- backgrounds of training ------------------------------------------------------------------------------------

def gradient(random, width, height):
    mask = plane(random, width, height)
    middle = random.uniform(0.2, 0.8)
    a, b, c = color(random), color(random), color(random)
    return as_image(numpy.where((mask < middle)[..., None], mix(numpy.clip(mask / middle, 0, 1), a, b),
                                mix(numpy.clip((mask - middle) / (1 - middle), 0, 1), b, c)))


def cloudy(random, width, height):
    if random.random() < 0.3:  # any colour anywhere
        return as_image(255 * clouds(random, width, height, int(random.integers(2, 12)), 3))
    mask = sum(clouds(random, width, height, cells)[..., 0] * weight
               for cells, weight in ((3, 0.5), (8, 0.3), (24, 0.2)))
    return as_image(mix(mask, color(random), color(random)))


def collage(random, width, height):
    image = Image.new("RGB", (width, height), color(random))
    draw = ImageDraw.Draw(image)
    for _ in range(random.integers(4, 40)):
        x, y = random.uniform(-0.2, 1) * width, random.uniform(-0.2, 1) * height
        w, h = random.uniform(0.05, 0.6) * width, random.uniform(0.05, 0.6) * height
        draw.rectangle((x, y, x + w, y + h), fill=color(random))
    return image


def waves(random, width, height):
    mask = 0.5 + 0.5 * numpy.sin(plane(random, width, height) * random.uniform(6, 90) + random.uniform(0, 6))
    if random.random() < 0.4:
        mask = (mask > 0.5).astype(float)
    if random.random() < 0.4:
        mask = mask * (0.5 + 0.5 * numpy.sin(plane(random, width, height) * random.uniform(6, 60)))
    return as_image(mix(mask, color(random), color(random)))


def soft_light(random, width, height):
    y, x = numpy.mgrid[0:height, 0:width]
    far = numpy.hypot(x / width - random.random(), y / height - random.random())
    base = numpy.array(color(random))
    return as_image(mix(numpy.clip(far / random.uniform(0.5, 1.5), 0, 1), base, base * random.uniform(0.1, 0.8)))


def blobs(random, width, height):
    image = Image.new("RGB", (width, height), color(random))
    draw = ImageDraw.Draw(image)
    for _ in range(random.integers(5, 30)):
        x, y = random.uniform(0, 1) * width, random.uniform(0, 1) * height
        w, h = random.uniform(0.03, 0.3, 2) * min(width, height)
        draw.ellipse((x - w, y - h, x + w, y + h), fill=color(random))
    return image.filter(ImageFilter.GaussianBlur(random.uniform(0, 3)))


def grid(random, width, height):
    """Straight lines in two directions."""
    image = numpy.zeros((height, width, 3)) + color(random)
    for _ in range(2):
        along = plane(random, width, height) * random.uniform(3, 25)
        image[along % 1 < random.uniform(0.1, 0.5)] = color(random)
    return as_image(image)


def rough(random, width, height):
    """Noise of every size at once, with much contrast."""
    channels = int(random.choice((1, 3)))
    noise = sum(clouds(random, width, height, bumps, channels) - 0.5 for bumps in (3, 7, 15, 31, 63))
    return as_image(numpy.array(color(random, 40, 215)) + noise * random.uniform(80, 300))


# --- backgrounds of the held-out pictures -----------------------------------------------------------------------

def cells(random, width, height):
    count = int(random.integers(6, 40))
    y, x = numpy.mgrid[0:height, 0:width]
    centers = random.uniform(0, 1, (count, 2)) * (width, height)
    far = (x[..., None] - centers[:, 0]) ** 2 + (y[..., None] - centers[:, 1]) ** 2
    colors = random.integers(0, 256, (count, 3))
    if random.random() < 0.5:  # one tone only
        colors = numpy.clip(numpy.array(color(random)) + random.integers(-50, 51, (count, 1)), 0, 255)
    return as_image(colors[far.argmin(axis=-1)])


def hills(random, width, height):
    y, x = numpy.mgrid[0:height, 0:width] / numpy.array([height, width])[:, None, None]
    dusk = random.random()
    picture = mix(y, (90 + 120 * dusk, 150 - 30 * dusk, 240 - 130 * dusk), (235, 225 - 50 * dusk, 240 - 110 * dusk))
    ground = numpy.array((random.integers(50, 150), random.integers(90, 170), random.integers(20, 90)))
    for layer in range(random.integers(1, 4)):
        edge = random.uniform(0.35, 0.6) + 0.14 * layer
        for wave in range(1, 4):
            edge = edge + random.uniform(0, 0.1) / wave * numpy.sin(x * wave * random.uniform(3, 7) + random.uniform(0, 6))
        shade = ground * (0.65 + 0.15 * layer) + random.normal(0, 1, (height, width, 1)) * random.uniform(0, 16)
        picture = numpy.where((y > edge)[..., None], shade, picture)
    return as_image(picture)


def bricks(random, width, height):
    tall = random.uniform(0.06, 0.25) * height
    wide = tall * random.uniform(1, 3)
    y, x = numpy.mgrid[0:height, 0:width]
    row = numpy.floor(y / tall)
    across = x / wide + 0.5 * (row % 2)
    column = numpy.floor(across)
    joint = (y % tall < tall * 0.1) | ((across - column) * wide < tall * 0.1)
    tone = numpy.sin(row * 12.9898 + column * 78.233 + random.uniform(0, 9)) * 43758.5453
    tone = (tone - numpy.floor(tone))[..., None] * random.uniform(10, 70)
    wall = numpy.array(color(random, 40, 230)) + tone - 20 + random.normal(0, 5, (height, width, 1))
    return as_image(numpy.where(joint[..., None], numpy.array(color(random)), wall))


def lights(random, width, height):
    image = Image.new("RGB", (width, height), color(random, 0, 90))
    for _ in range(random.integers(8, 40)):
        shine = Image.new("RGB", (width, height))
        x, y, r = random.uniform(0, width), random.uniform(0, height), random.uniform(0.02, 0.13) * width
        ImageDraw.Draw(shine).ellipse((x - r, y - r, x + r, y + r), fill=color(random, 20, 220))
        image = as_image(numpy.asarray(image, float) + 0.7 * numpy.asarray(shine, float))
    return image.filter(ImageFilter.BoxBlur(random.uniform(0.5, 3)))


def wood(random, width, height):
    y, x = numpy.mgrid[0:height, 0:width] / max(width, height)
    bend = clouds(random, width, height, 3)[..., 0]
    rings = numpy.hypot((x - random.uniform(-1, 2)) * random.uniform(0.1, 1), y - random.uniform(-1, 2)) + 0.15 * bend
    mask = 0.5 + 0.5 * numpy.sin(rings * random.uniform(30, 160))
    base = numpy.array((random.integers(110, 220), random.integers(70, 170), random.integers(30, 130)))
    return as_image(mix(mask ** random.uniform(0.5, 3), base, base * random.uniform(0.5, 0.85)))


def scribbles(random, width, height):
    image = Image.new("RGB", (width, height), color(random))
    draw = ImageDraw.Draw(image)
    for _ in range(random.integers(8, 60)):
        points = random.uniform(0, 1, 2) + numpy.cumsum(random.normal(0, 0.08, (6, 2)), axis=0)
        draw.line([tuple(p) for p in points * (width, height)], fill=color(random), width=int(random.integers(1, 4)))
    return image


TRAINING_BACKGROUNDS = (gradient, cloudy, collage, waves, soft_light, blobs)
HARSH_BACKGROUNDS = (*TRAINING_BACKGROUNDS, grid, rough)
HELDOUT_BACKGROUNDS = (cells, hills, bricks, lights, wood, scribbles)


def background(random, families, width, height):
    """One family of backgrounds, or two of them that meet along a ragged edge."""
    image = random.choice(families)(random, width, height)
    if random.random() < 0.3:
        edge = clouds(random, width, height, int(random.integers(2, 8)))[..., 0]
        mask = numpy.clip((edge - 0.5) * random.choice((3, 30)) + 0.5, 0, 1) * random.uniform(0.4, 1)
        image = as_image(mix(mask, image, random.choice(families)(random, width, height)))
    return image


# --- the thing itself -------------------------------------------------------------------------------------------

def resized(sprite, width, height):
    """Alpha is multiplied in while resizing, so that no dark rim appears."""
    return sprite.convert("RGBa").resize((max(8, round(width)), max(8, round(height))),
                                         Image.Resampling.BICUBIC).convert("RGBA")


def turned(sprite, degrees):
    return sprite.convert("RGBa").rotate(degrees, Image.Resampling.BILINEAR, expand=True).convert("RGBA")


def in_perspective(random, sprite, amount):
    """The four corners move inwards by up to `amount` of the size."""
    w, h = sprite.size
    shift = random.uniform(0, amount, (4, 2)) * (w, h)
    corners = numpy.array([(0, 0), (w, 0), (w, h), (0, h)], float)
    target = corners + shift * numpy.array([(1, 1), (-1, 1), (-1, -1), (1, -1)])
    rows, right = [], []
    for (x, y), (u, v) in zip(target, corners):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    return sprite.convert("RGBa").transform((w, h), Image.Transform.PERSPECTIVE,
                                            numpy.linalg.solve(numpy.array(rows), numpy.array(right)).tolist(),
                                            Image.Resampling.BILINEAR).convert("RGBA")


def canvas_size(random):
    height = int(random.integers(108, 150))
    return round(height * random.choice((1.0, 4 / 3, 3 / 2, 16 / 9, 3 / 4))), height


def spot(random, image, sprite, slack):
    """Where to paste the sprite, somewhere near the middle. `slack`: how much of it may leave the picture."""
    free = numpy.array(image.size) - sprite.size
    over = numpy.array(sprite.size) * slack
    return tuple(int(v) for v in numpy.rint(random.uniform(numpy.minimum(-over, free / 2),
                                                           numpy.maximum(free + over, free / 2))))


def pasted(image, sprite, at):
    """Pastes the sprite and returns its box."""
    image.paste(sprite, at, sprite)
    return at[0], at[1], at[0] + sprite.width, at[1] + sprite.height


def shadow(image, sprite, at, strength, softness):
    """Darkens the picture by a soft shadow of the sprite's shape."""
    alpha = Image.new("L", image.size)
    alpha.paste(sprite.getchannel("A").point(lambda a: int(a * strength)), at)
    image.paste((0, 0, 0), (0, 0), alpha.filter(ImageFilter.GaussianBlur(softness)))


def training_shape(random, sprite, size):
    """The sprite as the training world shows it, `size` pixels large before it is turned."""
    stretch = numpy.exp(random.uniform(-0.18, 0.18))
    scale = size / max(sprite.size)
    sprite = resized(sprite, sprite.width * scale * stretch, sprite.height * scale / stretch)
    if random.random() < 0.5:
        sprite = sprite.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    sprite = turned(sprite, random.uniform(-45, 45) if random.random() < 0.8 else 0)
    if random.random() < 0.3:
        sprite = ImageEnhance.Color(sprite).enhance(random.uniform(0.3, 1.3))
    return sprite


def training_object(random, sprite, image, smallest=0.42):
    """Puts a sprite onto the picture the training way; returns its box."""
    size = random.uniform(smallest, 1.0) * min(image.size)
    sprite = training_shape(random, sprite, size)
    at = spot(random, image, sprite, 0.1)
    if random.random() < 0.3:
        beside = tuple(int(v) for v in at + random.uniform(-0.06, 0.1, 2) * size)
        shadow(image, sprite, beside, random.uniform(0.2, 0.7), random.uniform(1, 6))
    return pasted(image, sprite, at)


def training_damage(random, image, box, strength):
    """`strength` 0 to 1: how bad it may become."""
    if random.random() < 0.5 * strength:
        w, h = (box[2] - box[0]), (box[3] - box[1])
        draw = ImageDraw.Draw(image)
        for _ in range(random.integers(1, 4)):
            x, y = box[0] + random.uniform(-0.2, 1) * w, box[1] + random.uniform(-0.2, 1) * h
            draw.rectangle((x, y, x + random.uniform(0.08, 0.4) * w, y + random.uniform(0.08, 0.4) * h), fill=color(random))
    for enhance, amount in ((ImageEnhance.Brightness, 0.55), (ImageEnhance.Contrast, 0.55), (ImageEnhance.Color, 0.8)):
        if random.random() < 0.6:
            image = enhance(image).enhance(1 + strength * random.uniform(-amount, amount))
    if random.random() < 0.5:
        image = image.filter(ImageFilter.GaussianBlur(strength * random.uniform(0, 2.4)))
    array = numpy.asarray(image, numpy.float32)
    if random.random() < 0.3:
        array = array * (1 + strength * random.uniform(-0.3, 0.3, 3)).astype(numpy.float32)
    if random.random() < 0.5:
        array = array + random.standard_normal(array.shape, numpy.float32) * numpy.float32(strength * random.uniform(0, 38))
    image = as_image(array)
    if random.random() < 0.6:
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=int(95 - strength * random.uniform(0, 80)))
        image = Image.open(stream).convert("RGB")
    return image


def harsh_damage(random, image, box, strength):
    """As training_damage, and worse: for the second half of the lessons."""
    if random.random() < 0.7 * strength:
        texture = background(random, HARSH_BACKGROUNDS, *image.size)
        w, h = box[2] - box[0], box[3] - box[1]
        for _ in range(random.integers(1, 3)):
            x, y = box[0] + random.uniform(-0.2, 1) * w, box[1] + random.uniform(-0.2, 1) * h
            part = (round(x), round(y), round(x + random.uniform(0.1, 0.5) * w), round(y + random.uniform(0.1, 0.5) * h))
            image.paste(texture.crop(part), part[:2])
    for enhance, low, high in ((ImageEnhance.Brightness, -0.65, 0.6), (ImageEnhance.Contrast, -0.65, 0.6),
                               (ImageEnhance.Color, -0.8, 0.8)):
        if random.random() < 0.6:
            image = enhance(image).enhance(1 + strength * random.uniform(low, high))
    if random.random() < 0.6:
        image = image.filter(ImageFilter.GaussianBlur(strength * random.uniform(0, 2.2)))
    array = numpy.asarray(image, numpy.float32)
    if random.random() < 0.5:
        array = array * (1 - strength * random.uniform(-0.2, 0.5, 3)).astype(numpy.float32)
    if random.random() < 0.7:
        # Of one grain or of two pixels' size, grey or coloured.
        grain, channels = int(random.integers(1, 3)), int(random.choice((1, 3)))
        noise = random.standard_normal((-(-array.shape[0] // grain), -(-array.shape[1] // grain), channels), numpy.float32)
        noise = noise.repeat(grain, 0).repeat(grain, 1)[:array.shape[0], :array.shape[1]]
        array = array + noise * numpy.float32(strength * random.uniform(0, 50))
    image = as_image(array)
    if random.random() < 0.7:
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=int(95 - strength * random.uniform(0, 84)))
        image = Image.open(stream).convert("RGB")
    return image


def heldout_shape(random, sprite, size, level):
    """The sprite as the held-out world shows it. `level`: one of LEVELS."""
    scale = size / max(sprite.size)
    sprite = resized(sprite, sprite.width * scale, sprite.height * scale)
    if random.random() < 0.5:
        sprite = sprite.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    sprite = in_perspective(random, sprite, level["perspective"])
    return turned(sprite, random.uniform(-1, 1) * level["rotation"])


def heldout_object(random, sprite, image, level):
    sprite = heldout_shape(random, sprite, random.uniform(level["smallest"], 0.95) * min(image.size), level)
    return pasted(image, sprite, spot(random, image, sprite, level["outside"]))


def heldout_damage(random, image, box, level):
    if random.random() < 0.5 and level["cover"] > 0:
        # A round thing with the texture of another background hides a part of the object.
        other = random.choice(HELDOUT_BACKGROUNDS)(random, *image.size)
        w, h = box[2] - box[0], box[3] - box[1]
        radius = numpy.sqrt(level["cover"] * random.uniform(0.3, 1) * w * h / numpy.pi)
        x, y = box[0] + random.uniform(0, 1) * w, box[1] + random.uniform(0, 1) * h
        mask = Image.new("L", image.size)
        ImageDraw.Draw(mask).ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
        image.paste(other, (0, 0), mask)
    array = 255 * (numpy.asarray(image, float) / 255) ** numpy.exp(random.uniform(-1, 1) * level["gamma"])
    array = array * (1 - random.uniform(0, level["cast"], 3))
    steps = int(random.integers(0, level["motion"] + 1))
    if steps:
        angle = random.uniform(0, numpy.pi)
        shifts = [(round(i * numpy.sin(angle)), round(i * numpy.cos(angle))) for i in range(steps + 1)]
        array = sum(numpy.roll(array, shift, (0, 1)) for shift in shifts) / len(shifts)
    array = array * (1 + random.normal(0, level["speckle"], array.shape[:2] + (1,)))
    specks = random.random(array.shape[:2])
    array[specks < level["specks"] / 2] = 0
    array[specks > 1 - level["specks"] / 2] = 255
    image = as_image(array)
    if random.random() < 0.5 and level["shrink"] > 1:
        small = random.uniform(1, level["shrink"])
        image = image.resize((round(image.width / small), round(image.height / small)), Image.Resampling.BOX) \
                     .resize(image.size, Image.Resampling.BICUBIC)
    stream = io.BytesIO()
    image.save(stream, "WEBP", quality=int(level["webp"]), method=0)
    return Image.open(stream).convert("RGB")


# The three levels that accuracy is reported at.
LEVELS = {
    "mild": dict(smallest=0.6, perspective=0.06, rotation=10, outside=0.0, cover=0.0, gamma=0.15, cast=0.1, motion=0,
                 speckle=0.03, specks=0.0, shrink=1.0, webp=80),
    "medium": dict(smallest=0.5, perspective=0.12, rotation=25, outside=0.05, cover=0.12, gamma=0.4, cast=0.2, motion=2,
                   speckle=0.08, specks=0.004, shrink=1.5, webp=50),
    "strong": dict(smallest=0.45, perspective=0.18, rotation=40, outside=0.1, cover=0.15, gamma=0.5, cast=0.3, motion=3,
                   speckle=0.12, specks=0.008, shrink=1.8, webp=30),
}


def squeezed(image, size=INPUT):
    return numpy.asarray(image.resize((size, size), Image.Resampling.BILINEAR))


def training_picture(all_sprites, seed, number):
    """Picture `number` of the set that `seed` names, [INPUT, INPUT, 3]; its class is number % 64."""
    random = numpy.random.default_rng((seed, number))
    image = background(random, TRAINING_BACKGROUNDS, *canvas_size(random))
    box = training_object(random, all_sprites[number % len(CLASSES)], image)
    return squeezed(training_damage(random, image, box, random.random()))


def harsh_picture(all_sprites, seed, number):
    """As training_picture, in a worse world."""
    random = numpy.random.default_rng((seed, number))
    image = background(random, HARSH_BACKGROUNDS, *canvas_size(random))
    box = training_object(random, all_sprites[number % len(CLASSES)], image, 0.38)
    return squeezed(harsh_damage(random, image, box, random.random() ** 0.7))


def heldout_picture(all_sprites, level, number):
    """Held-out picture `number` of a level of LEVELS; its class is number % 64."""
    random = numpy.random.default_rng((SEED_HELDOUT, list(LEVELS).index(level), number))
    image = background(random, HELDOUT_BACKGROUNDS, *canvas_size(random))
    box = heldout_object(random, all_sprites[number % len(CLASSES)], image, LEVELS[level])
    return squeezed(heldout_damage(random, image, box, LEVELS[level]))
