"""Reads the parameters of a network of ours back from the .tflite file that export.py wrote."""

import flatbuffers.number_types as types
import numpy
import torch
from flatbuffers.table import Table


def _offset(table, number):
    """Where field `number` of a table is; 0 if it is left out. Field numbers as in schema.fbs."""
    return table.Offset(4 + 2 * number)


def _tables(table, number):
    field = _offset(table, number)
    return [Table(table.Bytes, table.Indirect(table.Vector(field) + 4 * i)) for i in range(table.VectorLen(field))]


def _array(table, number, dtype):
    field = _offset(table, number)
    return numpy.frombuffer(table.Bytes, dtype, table.VectorLen(field), table.Vector(field))


def tensors(data):
    """The constants of a model by name, as real numbers: scale * (value - zero_point)."""
    model = Table(data, types.UOffsetTFlags.py_type(int.from_bytes(data[:4], "little")))
    buffers, result = _tables(model, 4), {}
    for tensor in _tables(_tables(model, 2)[0], 0):
        kind = {3: numpy.uint8, 2: numpy.int32}.get(tensor.Get(types.Int8Flags, tensor.Pos + _offset(tensor, 1)))
        buffer = _offset(tensor, 2)
        buffer = tensor.Get(types.Uint32Flags, tensor.Pos + buffer) if buffer else 0
        if not buffer or not _offset(tensor, 4) or kind is None:
            continue
        known = Table(data, tensor.Indirect(tensor.Pos + _offset(tensor, 4)))
        values = _array(buffers[buffer], 0, numpy.uint8).view(kind).reshape(_array(tensor, 0, numpy.int32))
        real = float(_array(known, 2, numpy.float32)[0]) * (values.astype(float) - int(_array(known, 3, numpy.int64)[0]))
        result[tensor.String(tensor.Pos + _offset(tensor, 3)).decode()] = real.astype(numpy.float32)
    return result


def parameters(data, layers):
    """Weight and bias of every layer, as network.parameters() has them."""
    known, result = tensors(data), []
    for number, layer in enumerate(layers):
        name = f"{number:02} {layer.kind}"
        if layer.kind == "pool":
            result.append(None)
            continue
        weight = torch.from_numpy(known[f"{name} weights"])  # [1,H,W,C] or [O,H,W,I]
        weight = weight.permute(3, 0, 1, 2) if layer.kind == "depthwise" else weight.permute(0, 3, 1, 2)
        result.append((weight.contiguous(), torch.from_numpy(known[f"{name} bias"])))
    return result
