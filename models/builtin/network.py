"""The network: MobileNetV1's pattern, with only those layers that every Mesa from 25.3 on computes right.

Square maps, square kernels of 3 or 1, equal strides, no dilation, a bias and one scale for every tensor, ReLU6 with
zero point 0. Depthwise layers have a multiple of 64 channels and the others a multiple of 32 at their output, because
smaller groups have been computed wrongly by one version or another. Pooling, reshape and softmax stay on the CPU, as
in MobileNetV1 itself.
"""

import copy
import dataclasses

import torch
from torch import nn
from torch.nn import functional

from classes import CLASSES


@dataclasses.dataclass(frozen=True)
class Layer:
    kind: str  # conv, depthwise, pool
    inputs: int
    outputs: int
    kernel: int = 1
    stride: int = 1
    relu6: bool = True


def separable(inputs, outputs, stride=1):
    return [Layer("depthwise", inputs, inputs, 3, stride), Layer("conv", inputs, outputs)]


# 96 → 48 → 24 → 12 → 6 pixels a side. What the first courses teach:
SHALLOW = (
    Layer("conv", 3, 32, 3, 2),
    Layer("conv", 32, 64, 3, 2),
    *separable(64, 128),
    *separable(128, 128, 2),
    *separable(128, 192),
    *separable(192, 192),
    *separable(192, 256, 2),
    *separable(256, 256),
    *separable(256, 384),
    Layer("pool", 384, 384, 6, relu6=False),
    Layer("conv", 384, len(CLASSES), relu6=False),
)
# And what it becomes then: deeper where that costs little time. All but the first LARGE layers go on learning.
LARGE = 4  # layers with 24 pixels a side or more
CLASSIFIER = (
    *SHALLOW[:10],
    *separable(192, 192),
    *SHALLOW[10:16],
    *separable(384, 384),
    *SHALLOW[16:],
)


def convolve(layer, x, weight, bias):
    """With TensorFlow's SAME padding: what is odd goes to the right and to the bottom."""
    if layer.kernel == 3:
        x = functional.pad(x, (0, 1, 0, 1) if layer.stride == 2 else (1, 1, 1, 1))
    return functional.conv2d(x, weight, bias, layer.stride, 0, 1, layer.inputs if layer.kind == "depthwise" else 1)


class Step(nn.Module):
    """One layer while training: convolution, batch normalisation, ReLU6."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer
        if layer.kind != "pool":
            inputs = 1 if layer.kind == "depthwise" else layer.inputs
            self.weight = nn.Parameter(torch.empty(layer.outputs, inputs, layer.kernel, layer.kernel))
            nn.init.kaiming_normal_(self.weight, mode="fan_in")
            # The last layer has no normalisation, but a bias of its own.
            self.norm = nn.BatchNorm2d(layer.outputs) if layer.relu6 else None
            self.bias = None if layer.relu6 else nn.Parameter(torch.zeros(layer.outputs))

    def forward(self, x):
        if self.layer.kind == "pool":
            return functional.avg_pool2d(x, self.layer.kernel)
        x = convolve(self.layer, x, self.weight, self.bias)
        return functional.relu6(self.norm(x)) if self.norm else x


class Network(nn.Module):
    """Takes pixels as (byte - 128) / 128, [N,3,S,S]; gives logits."""

    def __init__(self, layers):
        super().__init__()
        self.steps = nn.Sequential(*(Step(layer) for layer in layers))
        self._settled = 0

    def settle(self, count):
        """The first `count` layers learn no more, which saves a third of the time where they are large."""
        self._settled = count
        self.steps[:count].requires_grad_(False)
        return self

    def train(self, mode=True):
        super().train(mode)
        self.steps[:self._settled].eval()
        return self

    def forward(self, x):
        return self.steps(x).flatten(1)


class Range:
    """Quantisation of one tensor to uint8: real = scale * (byte - zero_point)."""

    def __init__(self, low, high):
        low, high = min(float(low), 0.0), max(float(high), 0.0)
        self.scale = max(high - low, 1e-6) / 255
        self.zero_point = min(255, max(0, round(-low / self.scale)))

    def fake(self, x):
        """x as it is after a trip through uint8; the gradient passes where x is in range."""
        low, high = -self.zero_point * self.scale, (255 - self.zero_point) * self.scale
        clamped = x.clamp(low, high)
        return clamped + (torch.round(clamped / self.scale) * self.scale - clamped).detach()


# (255 - zero point) * scale must not exceed 6 in float32, or the NPU's driver refuses the layer.
LARGEST_RELU6 = 5.9999


class FoldedStep(nn.Module):
    """A layer with its normalisation folded into weights and bias, computed as the quantised one will be."""

    def __init__(self, step):
        super().__init__()
        self.layer = step.layer
        self.quantized = False
        self.low, self.high = 0.0, 0.0  # of the output, as seen so far
        if self.layer.kind == "pool":
            return
        weight, bias = step.weight.detach(), step.bias
        if step.norm:
            gain = step.norm.weight.detach() / torch.sqrt(step.norm.running_var + step.norm.eps)
            bias = step.norm.bias.detach() - step.norm.running_mean * gain
            weight = weight * gain[:, None, None, None]
        self.weight, self.bias = nn.Parameter(weight.clone()), nn.Parameter(bias.detach().clone())

    def output_range(self):
        return Range(0, min(self.high, LARGEST_RELU6)) if self.layer.relu6 else Range(self.low, self.high)

    def weight_range(self):
        return Range(self.weight.detach().min(), self.weight.detach().max())

    def watch(self, x):
        """Follows the range of the output while training."""
        low, high = float(x.min()), float(x.max())
        if (self.low, self.high) == (0.0, 0.0):
            self.low, self.high = low, high
        self.low, self.high = 0.99 * self.low + 0.01 * low, 0.99 * self.high + 0.01 * high

    def forward(self, x, before):
        """`before`: the range of x, which a pool keeps. Returns the output and its range."""
        if self.layer.kind == "pool":
            x = functional.avg_pool2d(x, self.layer.kernel)
            return (before.fake(x), before) if self.quantized else (x, before)
        weight = self.weight_range().fake(self.weight) if self.quantized else self.weight
        x = convolve(self.layer, x, weight, self.bias)
        x = functional.relu6(x) if self.layer.relu6 else x
        if self.training:
            self.watch(x.detach())
        after = self.output_range()
        return (after.fake(x), after) if self.quantized else (x, after)


class Folded(nn.Module):
    """The network without normalisation layers; with quantize(True) it imitates the uint8 one."""

    def __init__(self, network):
        super().__init__()
        self.steps = nn.ModuleList(FoldedStep(step) for step in network.steps)

    def quantize(self, on):
        for step in self.steps:
            step.quantized = on
        return self

    def forward(self, x):
        known = None
        for step in self.steps:
            x, known = step(x, known)
        return x.flatten(1)


def float_copy(folded):
    return copy.deepcopy(folded).quantize(False)


def parameters(network):
    """Weight and bias of every layer, with the normalisation folded in; None for a pool."""
    return [None if step.layer.kind == "pool" else (step.weight.detach(), step.bias.detach())
            for step in Folded(network).steps]


def identity(layer):
    """Weight and bias of a layer that changes nothing behind a ReLU6."""
    weight = torch.zeros(layer.outputs, 1 if layer.kind == "depthwise" else layer.inputs, layer.kernel, layer.kernel)
    for channel in range(layer.outputs):
        weight[channel, 0 if layer.kind == "depthwise" else channel, layer.kernel // 2, layer.kernel // 2] = 1
    return weight, torch.zeros(layer.outputs)


def deepened(known, layers, more):
    """The parameters of `more` from those of `layers`: what `layers` lacks begins as an identity."""
    known, left, result = list(known), list(layers), []
    for layer in more:
        if left and layer == left[0]:
            left.pop(0)
            result.append(known.pop(0))
        else:
            result.append(identity(layer))
    if left:
        raise ValueError(f"{len(left)} layers do not occur in the deeper network")
    return result


def unfolded(layers, known, x):
    """A network that learns on from these parameters: gives back to every layer the normalisation that changes nothing,
    for outputs as they are when the network sees `x`."""
    model = Network(layers).to(memory_format=torch.channels_last).eval()
    with torch.no_grad():
        for step, each in zip(model.steps, known):
            if each is not None:
                weight, bias = each
                step.weight.copy_(weight)
                if step.norm:
                    variance, mean = torch.var_mean(convolve(step.layer, x, weight, None), (0, 2, 3), correction=0)
                    step.norm.running_mean.copy_(mean)
                    step.norm.running_var.copy_(variance)
                    step.norm.weight.copy_(torch.sqrt(variance + step.norm.eps))
                    step.norm.bias.copy_(mean + bias)
                else:
                    step.bias.copy_(bias)
            x = step(x)
    return model


def multiply_accumulates(layers, size):
    """How many multiplications one picture takes."""
    total = 0
    for layer in layers:
        size = size // layer.kernel if layer.kind == "pool" else -(-size // layer.stride)
        if layer.kind != "pool":
            total += size * size * layer.outputs * layer.kernel ** 2 * (1 if layer.kind == "depthwise" else layer.inputs)
    return total
