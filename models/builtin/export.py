"""From the network that learnt with rounding to a .tflite file of uint8 tensors."""

import numpy

import tflite_writer

INPUT_SCALE, INPUT_ZERO_POINT = 1 / 128, 128  # the picture's bytes as they are
SOFTMAX_SCALE = 1 / 256  # the one that TensorFlow Lite's softmax gives


def npu_multiplies_right(input_scale, weight_scale, output_scale):
    """Mesa's driver takes 14 bits of this factor's mantissa and adds one: all ones overflow, and halve or turn over
    the result."""
    factor = numpy.float32(numpy.float32(input_scale) * numpy.float32(weight_scale)) / numpy.float32(output_scale)
    return (int(factor.view(numpy.uint32)) >> 9) & 0x3FFF != 0x3FFF


def quantized(values, known):
    """uint8 of real values; `known`: their Range."""
    return numpy.clip(numpy.rint(values / known.scale) + known.zero_point, 0, 255).astype(numpy.uint8)


def weight_range(step, input_scale, output_scale):
    known = step.weight_range()
    while not npu_multiplies_right(input_scale, known.scale, output_scale):
        known.scale *= 1 + 2 ** -12
    return known


def add_layers(model, steps, source, shape, scale, zero_point, prefix=""):
    """Adds these layers behind tensor `source`. Returns the last tensor, its shape, scale and zero point."""
    for number, step in enumerate(steps):
        layer = step.layer
        name = f"{prefix}{number:02} {layer.kind}"
        if layer.kind == "pool":
            shape = [1, shape[1] // layer.kernel, shape[2] // layer.kernel, shape[3]]
            output = model.tensor(name, shape, tflite_writer.UINT8, scale, zero_point)
            model.average_pool(source, output, layer.kernel)
            source = output
            continue
        after = step.output_range()
        if layer.relu6 and (after.zero_point != 0 or numpy.float32(255) * numpy.float32(after.scale) > 6):
            raise ValueError(f"{name}: the NPU's driver wants ReLU6 with zero point 0 and at most 6")
        known = weight_range(step, scale, after.scale)
        weight, bias = step.weight.detach().numpy(), step.bias.detach().numpy()
        depthwise = layer.kind == "depthwise"
        weight = weight.transpose(1, 2, 3, 0) if depthwise else weight.transpose(0, 2, 3, 1)  # to [1,H,W,C], [O,H,W,I]
        bias_scale = float(numpy.float32(scale) * numpy.float32(known.scale))
        weights = model.tensor(f"{name} weights", weight.shape, tflite_writer.UINT8, known.scale, known.zero_point,
                               quantized(weight, known))
        biases = model.tensor(f"{name} bias", bias.shape, tflite_writer.INT32, bias_scale, 0,
                              numpy.rint(bias / bias_scale).astype(numpy.int32))
        shape = [1, -(-shape[1] // layer.stride), -(-shape[2] // layer.stride), layer.outputs]
        output = model.tensor(name, shape, tflite_writer.UINT8, after.scale, after.zero_point)
        add = model.depthwise_convolution if depthwise else model.convolution
        add([source, weights, biases], output, layer.stride, layer.relu6)
        source, scale, zero_point = output, after.scale, after.zero_point
    return source, shape, scale, zero_point


def classifier(folded, size, labels, name, description):
    """The bytes of the file."""
    model = tflite_writer.Model(description)
    picture = model.tensor("picture", [1, size, size, 3], tflite_writer.UINT8, INPUT_SCALE, INPUT_ZERO_POINT)
    logits, shape, scale, zero_point = add_layers(model, folded.steps, picture, [1, size, size, 3], INPUT_SCALE,
                                                  INPUT_ZERO_POINT)
    flat = model.tensor("logits", [1, len(labels)], tflite_writer.UINT8, scale, zero_point)
    model.reshape(logits, flat, [1, len(labels)])
    probabilities = model.tensor("probabilities", [1, len(labels)], tflite_writer.UINT8, SOFTMAX_SCALE, 0)
    model.softmax(flat, probabilities)
    model.inputs, model.outputs = [picture], [probabilities]
    return tflite_writer.with_labels(model.pack(tflite_writer.metadata(name, description, 0, 1)), labels)


