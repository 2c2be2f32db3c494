"""Learning: the float network first, then the same network as it is after rounding to uint8."""

import copy
import time

import numpy
import torch
from torch.nn import functional

import network

BATCH = 64


def as_input(pictures):
    """uint8 [N,S,S,3] → what the network takes."""
    x = torch.from_numpy(numpy.array(pictures)).permute(0, 3, 1, 2)  # stays channels-last in memory
    return (x.float() - 128) / 128


def varied(random, batch):
    """Cheap variation of pictures that were made once: mirrored, moved by some pixels, lighter or darker."""
    size, reach = batch.shape[1], 5
    padded = numpy.pad(batch, ((0, 0), (reach, reach), (reach, reach), (0, 0)), "edge")
    result = numpy.empty_like(batch)
    for i, (x, y) in enumerate(random.integers(0, 2 * reach + 1, (len(batch), 2))):
        picture = padded[i, y:y + size, x:x + size]
        result[i] = picture[:, ::-1] if random.random() < 0.5 else picture
    light = random.uniform(0.8, 1.2, (len(batch), 1, 1, 1)).astype(numpy.float32)
    return numpy.clip(result * light, 0, 255).astype(numpy.uint8)


def accuracy(model, pictures, labels):
    return float((scores(model, pictures).argmax(1) == labels).mean())


def scores(model, pictures):
    """Probabilities, [N,classes]."""
    model.eval()
    with torch.no_grad():
        parts = [torch.softmax(model(as_input(pictures[i:i + 128])), 1).numpy() for i in range(0, len(pictures), 128)]
    return numpy.concatenate(parts)


def learn(model, loss_of, count, validate, epochs, rate, decay, seed, falling=True):
    """Trains in place with AdamW; the rate rises for a tenth of the steps and then falls like a cosine, or stays.

    loss_of(model, random, chosen): the loss on these of `count` pictures; validate(model): what to print each epoch."""
    random = numpy.random.default_rng(seed)
    learning = [p for p in model.parameters() if p.requires_grad]
    decaying, others = [p for p in learning if p.ndim > 1], [p for p in learning if p.ndim <= 1]
    optimizer = torch.optim.AdamW([{"params": decaying, "weight_decay": decay}, {"params": others, "weight_decay": 0}],
                                  lr=rate)
    per_epoch = count // BATCH
    total = max(2, round(epochs * per_epoch))
    if falling:
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total, pct_start=0.1)
    else:
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1, 10 * (step + 1) / total))
    started = told = time.monotonic()
    losses = []
    while len(losses) < total:
        order = random.permutation(count)
        for i in range(0, min(per_epoch, total - len(losses)) * BATCH, BATCH):
            model.train()
            loss = loss_of(model, random, numpy.sort(order[i:i + BATCH]))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(float(loss.detach()))
            if time.monotonic() - told > 60:
                told = time.monotonic()
                print(f"training: step {len(losses)} of {total}, loss {numpy.mean(losses[-200:]):.3f}, "
                      f"{told - started:.0f} s", flush=True)
        model.eval()
        print(f"training: epoch {len(losses) / per_epoch:.1f}, loss {numpy.mean(losses[-per_epoch:]):.3f}, "
              f"validation {validate(model):.4f}, {time.monotonic() - started:.0f} s", flush=True)


def classifying(pictures, labels):
    """The loss of a classifier on these pictures, for learn()."""
    def loss_of(model, random, chosen):
        logits = model(as_input(varied(random, pictures[chosen])))
        return functional.cross_entropy(logits, torch.from_numpy(labels[chosen]), label_smoothing=0.05)
    return loss_of


def float_network(layers, pictures, labels, validation, epochs):
    torch.manual_seed(1)
    model = network.Network(layers).to(memory_format=torch.channels_last)
    learn(model, classifying(pictures, labels), len(pictures), lambda m: accuracy(m, *validation), epochs, rate=4e-3,
          decay=0.02, seed=11)
    return model.eval()


def refined(model, pictures, labels, validation, epochs, seed):
    """Goes on learning, from harder pictures."""
    learn(model, classifying(pictures, labels), len(pictures), lambda m: accuracy(m, *validation), epochs, rate=2e-3,
          decay=0.02, seed=seed)
    return model.eval()


def lesson_loss(lessons):
    """The loss of a classifier on pictures that are made for this step only, for learn()."""
    def loss_of(model, random, chosen):
        pictures, labels = lessons.batch(len(chosen))
        return functional.cross_entropy(model(pictures), labels, label_smoothing=0.05)
    return loss_of


def taught(model, lessons, validation, count, seed, last):
    """Goes on learning, but for the large layers, from `count` pictures, none of them seen twice. Only the last
    course ends with a rate of zero."""
    model.settle(network.LARGE)
    learn(model, lesson_loss(lessons), count, lambda m: accuracy(m, *validation), 1, rate=1e-3, decay=0.02, seed=seed,
          falling=last)
    return model.eval()


def quantized_network(model, lessons, validation, count):
    """Folds, measures the ranges on some thousand pictures, then goes on learning from `count` more with rounding in place,
    and keeps what that has learnt if the validation is better for it."""
    folded = network.Folded(model.eval()).train()
    with torch.no_grad():
        for _ in range(2048 // BATCH):
            folded(lessons.batch(BATCH)[0])
    folded.eval()
    print(f"quantising: folded {accuracy(folded, *validation):.4f}", flush=True)
    folded.quantize(True)
    before, unlearnt = accuracy(folded, *validation), copy.deepcopy(folded)
    print(f"quantising: rounded without learning {before:.4f}", flush=True)
    learn(folded, lesson_loss(lessons), count, lambda m: accuracy(m, *validation), 1, rate=2e-4, decay=0.0, seed=12)
    return folded.eval() if accuracy(folded, *validation) > before else unlearnt
