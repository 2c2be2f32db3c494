"""Endless training pictures: an emoji, a background and damage put together anew for every step, [INPUT, INPUT] from the start.

pictures.training_picture and harsh_picture draw on a large canvas and squeeze it, which costs more than learning from the
result; so the network sees each of theirs several times. These cost a third of that, and none is seen twice. Still the
training's world: its backgrounds, affine shapes, rectangles in front, colours, Gaussian blur and noise, JPEG; nothing
that only the held-out world has."""

import io

import numpy
import torch
from PIL import Image
from torch.nn import functional

import pictures
from classes import CLASSES

SIZE = pictures.INPUT
POOL, POOL_SIZE = 6144, 128  # backgrounds that are drawn once, and then cut, turned and coloured


def pool_picture(number):
    random = numpy.random.default_rng((pictures.SEED_POOL, number))
    return numpy.asarray(pictures.background(random, pictures.HARSH_BACKGROUNDS, POOL_SIZE, POOL_SIZE))


def atlas(sprites, size):
    """The sprites, alpha multiplied in, each in the middle of a square: [classes,4,size,size], 0 to 1; and the part of
    the square that each of them fills, [classes,2]."""
    squares, filled = [], []
    for sprite in sprites:
        scale = (size - 4) / max(sprite.size)
        sprite = sprite.convert("RGBa").resize([max(1, round(n * scale)) for n in sprite.size], Image.Resampling.BOX
                                               if scale < 1 else Image.Resampling.BICUBIC)
        square = numpy.zeros((size, size, 4), numpy.float32)
        x, y = (size - sprite.width) // 2, (size - sprite.height) // 2
        square[y:y + sprite.height, x:x + sprite.width] = numpy.asarray(sprite, numpy.float32) / 255
        squares.append(square.transpose(2, 0, 1))
        filled.append((sprite.width / size, sprite.height / size))
    return torch.from_numpy(numpy.stack(squares)), numpy.array(filled)


class Lessons:
    """Makes batches. The same seed makes the same pictures in the same order."""

    def __init__(self, sprites, pool, seed):
        """`pool`: [POOL, POOL_SIZE, POOL_SIZE, 3] backgrounds."""
        self._pool = pool
        self._random = numpy.random.default_rng(seed)
        self._noise = torch.Generator().manual_seed(seed)
        self._atlases = [atlas(sprites, size) for size in (120, 60)]

    def batch(self, count):
        """Pictures as the network takes them, [count,3,SIZE,SIZE], and their labels [count]."""
        random = self._random
        labels = random.integers(0, len(CLASSES), count)
        strength = random.random(count) ** 0.7
        scenes = empty = self._backgrounds(count)
        things = self._things(labels)
        scenes = self._shaded(scenes, things[:, 3:])
        scenes = scenes * (1 - things[:, 3:]) + 255 * self._faded(things[:, :3])
        scenes = self._covered(scenes, strength, empty)
        scenes = self._coloured(scenes, strength)
        scenes = self._blurred(scenes, strength)
        scenes = self._noisy(scenes, strength)
        scenes = self._compressed(scenes.clamp(0, 255), strength)
        return (scenes.contiguous(memory_format=torch.channels_last) - 128) / 128, torch.from_numpy(labels)

    def _uniform(self, low, high, *shape):
        return torch.from_numpy(self._random.uniform(low, high, shape).astype(numpy.float32))

    def _some(self, probability):
        """probability: [count]. Which of the pictures something happens to: [count,1,1,1] of 0 and 1."""
        chosen = self._random.random(len(probability)) < probability
        return torch.from_numpy(chosen.astype(numpy.float32))[:, None, None, None]

    def _backgrounds(self, count):
        random = self._random
        result = numpy.empty((count, SIZE, SIZE, 3), numpy.float32)
        for i in range(count):
            zoom = int(random.integers(SIZE * 5 // 8, POOL_SIZE + 1))
            x, y = random.integers(0, POOL_SIZE - zoom + 1, 2)
            cut = self._pool[random.integers(len(self._pool)), y:y + zoom, x:x + zoom]
            index = numpy.arange(SIZE) * zoom // SIZE
            cut = cut[index][:, index]
            cut = cut[:, ::-1] if random.random() < 0.5 else cut
            cut = cut.transpose(1, 0, 2) if random.random() < 0.5 else cut
            result[i] = cut if random.random() < 0.7 else 255 - cut
        # One order of the colours for a batch: sorting each picture's apart takes longer than all the rest.
        return torch.from_numpy(result).permute(0, 3, 1, 2)[:, random.permutation(3)].contiguous()

    def _things(self, labels):
        """The objects in place, alpha multiplied in: [count,4,SIZE,SIZE]."""
        random, count = self._random, len(labels)
        # In units of the canvas' shorter side, as pictures.training_object does it, then squeezed to a square.
        aspect = random.choice((1.0, 4 / 3, 3 / 2, 16 / 9, 3 / 4), count)
        width, height = numpy.maximum(aspect, 1), numpy.maximum(1 / aspect, 1)
        size = random.uniform(0.36, 1.0, count)
        stretch = numpy.exp(random.uniform(-0.2, 0.2, count))
        angle = numpy.where(random.random(count) < 0.85, random.uniform(-numpy.pi / 3.6, numpy.pi / 3.6, count), 0)
        shear = numpy.where(random.random(count) < 0.5, random.uniform(-0.3, 0.3, count), 0)
        mirror = random.choice((-1.0, 1.0), count)
        cos, sin = numpy.cos(angle), numpy.sin(angle)
        # From the object's own coordinates, -1 to 1 over its longer side, to those of the picture, -1 to 1 too.
        turn = numpy.stack([numpy.stack([cos, -sin], -1), numpy.stack([sin, cos], -1)], 1)
        lean = numpy.stack([numpy.stack([mirror * stretch, shear / stretch], -1),
                            numpy.stack([numpy.zeros(count), 1 / stretch], -1)], 1)
        matrix = size[:, None, None] * (turn @ lean) / numpy.stack([width, height], -1)[:, :, None]
        # How far it reaches from its middle, so that a tenth of it may leave the picture.
        filled = self._atlases[0][1][labels]
        reach = numpy.abs(matrix) @ filled[:, :, None]
        free = numpy.abs(1 - 0.85 * reach[..., 0])
        middle = random.uniform(-1, 1, (count, 2)) * free
        inverse = numpy.linalg.inv(matrix)
        theta = torch.from_numpy(numpy.concatenate([inverse, -inverse @ middle[:, :, None]], 2).astype(numpy.float32))
        grid = functional.affine_grid(theta, [count, 4, SIZE, SIZE], align_corners=False)
        result = torch.empty(count, 4, SIZE, SIZE)
        pixels = SIZE * numpy.sqrt(numpy.abs(numpy.linalg.det(matrix)))
        for which, (sprites, _) in enumerate(self._atlases):
            chosen = numpy.flatnonzero((pixels < 52) == bool(which))
            result[chosen] = functional.grid_sample(sprites[labels[chosen]], grid[chosen], align_corners=False)
        return result

    def _shaded(self, scenes, alpha):
        """A soft shadow beside some objects; all of a batch's fall to the same side."""
        x, y = (int(v) for v in self._random.integers(-4, 8, 2))
        soft = sum(torch.roll(alpha, (y + up, x + left), (2, 3)) for up, left in ((-1, 0), (1, 0), (0, -1), (0, 1))) / 4
        some = self._some(numpy.full(len(scenes), 0.3)) * self._uniform(0.2, 0.7, len(scenes), 1, 1, 1)
        return scenes * (1 - soft * some)

    def _faded(self, things):
        """Some objects with less colour, or more."""
        grey = things.mean(1, keepdim=True)
        amount = 1 + self._some(numpy.full(len(things), 0.3)) * self._uniform(-0.7, 0.3, len(things), 1, 1, 1)
        return grey + (things - grey) * amount

    def _covered(self, scenes, strength, other):
        """Turned rectangles, and then small squares, of one colour or with the texture of `other`."""
        count = len(scenes)
        y, x = torch.meshgrid(torch.linspace(-1, 1, SIZE), torch.linspace(-1, 1, SIZE), indexing="ij")
        for probability in (0.65, 0.3):
            angle, cx, cy = self._uniform(0, numpy.pi, count, 1, 1), *self._uniform(-0.9, 0.9, 2, count, 1, 1)
            wide, tall = self._uniform(0.08, 0.42, 2, count, 1, 1)
            along = (x - cx) * torch.cos(angle) + (y - cy) * torch.sin(angle)
            across = (y - cy) * torch.cos(angle) - (x - cx) * torch.sin(angle)
            mask = ((along.abs() < wide) & (across.abs() < tall)).float()[:, None] * self._some(probability * strength)
            scenes = scenes + mask * (self._texture(other) - scenes)
        cells = int(self._random.integers(8, 25))
        share = self._uniform(0, 0.12, count, 1, 1, 1) * self._some(0.4 * strength)
        small = (torch.rand(count, 1, cells, cells, generator=self._noise) < share).float()
        mask = functional.interpolate(small, (SIZE, SIZE))
        return scenes + mask * (self._texture(other) - scenes)

    def _texture(self, scenes):
        """Half of these, and one colour instead of the others."""
        count = len(scenes)
        plain = self._uniform(0, 255, count, 3, 1, 1)
        return torch.where(self._some(numpy.full(count, 0.5)) > 0, plain, scenes.roll(int(self._random.integers(count)), 0))

    def _coloured(self, scenes, strength):
        """Brightness, contrast, saturation, and a gain of each colour."""
        count = len(scenes)
        amount = torch.from_numpy(strength.astype(numpy.float32))[:, None, None, None]

        def factor(low, high, channels=1):
            return 1 + amount * self._some(numpy.full(count, 0.6)) * self._uniform(low, high, count, channels, 1, 1)

        middle = scenes.mean((1, 2, 3), keepdim=True)
        scenes = middle + (scenes - middle) * factor(-0.65, 0.6)
        grey = scenes.mean(1, keepdim=True)
        scenes = grey + (scenes - grey) * factor(-0.8, 0.8)
        return (scenes * factor(-0.65, 0.6) * factor(-0.5, 0.2, 3)).clamp(0, 255)

    def _blurred(self, scenes, strength):
        """Gaussian, of a width of its own for each picture."""
        count, reach = len(scenes), 4
        sigma = torch.from_numpy((strength * self._random.uniform(0, 1.8, count) + 0.05).astype(numpy.float32))
        sigma = torch.where(self._some(numpy.full(count, 0.6))[:, 0, 0, 0] > 0, sigma, torch.tensor(0.05))
        offsets = torch.arange(-reach, reach + 1, dtype=torch.float32)
        kernel = torch.exp(-0.5 * (offsets / sigma[:, None]) ** 2)
        kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(3, 0)[:, None, None]
        flat = functional.pad(scenes.reshape(1, count * 3, SIZE, SIZE), (reach, reach, reach, reach), "replicate")
        flat = functional.conv2d(flat, kernel, groups=count * 3)
        flat = functional.conv2d(flat, kernel.transpose(2, 3), groups=count * 3)
        return flat.reshape(count, 3, SIZE, SIZE)

    def _noisy(self, scenes, strength):
        """Gaussian; of one grain or of two pixels' size, grey or coloured."""
        count = len(scenes)
        size = self._some(numpy.full(count, 0.75)) * self._uniform(0, 42, count, 1, 1, 1)
        size = size * torch.from_numpy(strength.astype(numpy.float32))[:, None, None, None]
        channels = int(self._random.choice((1, 3)))
        coarse = count // 3
        noise = torch.empty(count, channels, SIZE, SIZE)
        noise[coarse:].normal_(generator=self._noise)
        half = torch.empty(coarse, channels, SIZE // 2, SIZE // 2).normal_(generator=self._noise)
        noise[:coarse] = functional.interpolate(half, (SIZE, SIZE))
        return scenes + noise * size

    def _compressed(self, scenes, strength):
        """JPEG. Returns whole numbers, 0 to 255."""
        result = scenes.round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
        for i, worst in enumerate(strength):
            if self._random.random() < 0.65:
                stream = io.BytesIO()
                Image.fromarray(result[i]).save(stream, "JPEG", quality=int(95 - worst * self._random.uniform(0, 82)))
                result[i] = numpy.asarray(Image.open(stream))
        return torch.from_numpy(result).permute(0, 3, 1, 2).float()
