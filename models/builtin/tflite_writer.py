"""Writes .tflite files: the parts of TensorFlow Lite's schema and of its metadata schema that the built-in models need.

Debian's python3-flatbuffers has no code generated from these schemas, so tables are written by field number; the
numbers are those of schema.fbs (version 3) and metadata_schema.fbs ("M001").
"""

import io
import zipfile

import flatbuffers
import numpy
from flatbuffers import flexbuffers

UINT8, INT32, FLOAT32 = 3, 2, 0  # TensorType
TYPES = {UINT8: numpy.uint8, INT32: numpy.int32, FLOAT32: numpy.float32}
SAME, VALID = 0, 1  # Padding
NO_ACTIVATION, RELU6 = 0, 3  # ActivationFunctionType
# BuiltinOperator
AVERAGE_POOL_2D, CONCATENATION, CONV_2D, DEPTHWISE_CONV_2D, LOGISTIC, RESHAPE, SOFTMAX, CUSTOM = 1, 2, 3, 4, 14, 22, 25, 32
ALIGNMENT = 16  # of the tensors' data: the schema's force_align


class Tables:
    """Flatbuffers by hand: a table is a dictionary from field number to a value that one of these methods made."""

    def __init__(self):
        self._builder = flatbuffers.Builder(1 << 16)

    # Each value is (how to put it into a table, what). Zero stands for the schema's default and is left out.
    def i8(self, value):
        return self._builder.PrependInt8Slot, value

    def u8(self, value):
        return self._builder.PrependUint8Slot, value

    def i32(self, value):
        return self._builder.PrependInt32Slot, value

    def u32(self, value):
        return self._builder.PrependUint32Slot, value

    def f32(self, value):
        return self._builder.PrependFloat32Slot, value

    def text(self, value):
        return self._builder.PrependUOffsetTRelativeSlot, self._builder.CreateString(value)

    def numbers(self, values, dtype):
        return self._builder.PrependUOffsetTRelativeSlot, self._builder.CreateNumpyVector(numpy.array(values, dtype))

    def bytes(self, data):
        builder = self._builder
        builder.StartVector(1, len(data), ALIGNMENT)
        builder.head = builder.head - len(data)
        builder.Bytes[builder.head:builder.head + len(data)] = data
        return builder.PrependUOffsetTRelativeSlot, builder.EndVector()

    def list(self, tables):
        builder = self._builder
        builder.StartVector(4, len(tables), 4)
        for _, offset in reversed(tables):
            builder.PrependUOffsetTRelative(offset)
        return builder.PrependUOffsetTRelativeSlot, builder.EndVector()

    def table(self, fields):
        builder = self._builder
        builder.StartObject(max(fields, default=-1) + 1)
        for number, (put, value) in fields.items():
            put(number, value, 0)
        return builder.PrependUOffsetTRelativeSlot, builder.EndObject()

    def finish(self, table, identifier):
        self._builder.Finish(table[1], identifier)
        return bytes(self._builder.Output())


class Model:
    """A model of one subgraph while it grows. Tensors are known by their index."""

    def __init__(self, description):
        self.description = description
        self.tensors, self.operators, self.buffers, self.codes = [], [], [b""], []
        self.inputs, self.outputs = [], []

    def tensor(self, name, shape, kind, scale=None, zero_point=0, data=None):
        """`data`: what a constant holds. Returns the tensor's index."""
        buffer = 0
        if data is not None:
            data = numpy.ascontiguousarray(data)
            if list(data.shape) != list(shape) or data.dtype != TYPES[kind]:
                raise ValueError(f"tensor {name}: want {TYPES[kind].__name__} {list(shape)}, "
                                 f"got {data.dtype} {list(data.shape)}")
            buffer = len(self.buffers)
            self.buffers.append(data.tobytes())
        self.tensors.append((name, [int(n) for n in shape], kind, scale, zero_point, buffer))
        return len(self.tensors) - 1

    def operator(self, code, inputs, outputs, options=None, custom=None, custom_options=b""):
        """`options`: (number in the union BuiltinOptions, function from Tables to fields)."""
        if (code, custom) not in self.codes:
            self.codes.append((code, custom))
        self.operators.append((self.codes.index((code, custom)), inputs, outputs, options, custom_options))

    # The operators' own options: field numbers as in schema.fbs.
    def convolution(self, inputs, output, stride, relu6):
        self.operator(CONV_2D, inputs, [output], (1, lambda t: {
            0: t.i8(SAME), 1: t.i32(stride), 2: t.i32(stride), 3: t.i8(RELU6 if relu6 else NO_ACTIVATION)}))

    def depthwise_convolution(self, inputs, output, stride, relu6):
        self.operator(DEPTHWISE_CONV_2D, inputs, [output], (2, lambda t: {
            0: t.i8(SAME), 1: t.i32(stride), 2: t.i32(stride), 3: t.i32(1),
            4: t.i8(RELU6 if relu6 else NO_ACTIVATION)}))

    def average_pool(self, source, output, size):
        self.operator(AVERAGE_POOL_2D, [source], [output], (5, lambda t: {
            0: t.i8(VALID), 1: t.i32(size), 2: t.i32(size), 3: t.i32(size), 4: t.i32(size)}))

    def reshape(self, source, output, shape):
        # As a constant tensor too: the NPU's delegate reads it without looking whether it is there.
        wanted = self.tensor(f"shape of {self.tensors[output][0]}", [len(shape)], INT32,
                             data=numpy.array(shape, numpy.int32))
        self.operator(RESHAPE, [source, wanted], [output], (17, lambda t: {0: t.numbers(shape, numpy.int32)}))

    def softmax(self, source, output):
        self.operator(SOFTMAX, [source], [output], (9, lambda t: {0: t.f32(1.0)}))

    def concatenation(self, sources, output, axis):
        self.operator(CONCATENATION, sources, [output], (10, lambda t: {0: t.i32(axis)}))

    def logistic(self, source, output):
        self.operator(LOGISTIC, [source], [output])

    def custom(self, name, inputs, outputs, options):
        self.operator(CUSTOM, inputs, outputs, custom=name, custom_options=bytes(flexbuffers.Dumps(options)))

    def pack(self, metadata=None):
        """The file's bytes. `metadata`: those of the metadata's own flatbuffer."""
        buffers = self.buffers + ([metadata] if metadata else [])
        t = Tables()

        def quantization(scale, zero_point):
            return t.table({2: t.numbers([scale], numpy.float32), 3: t.numbers([zero_point], numpy.int64)})

        def tensor(name, shape, kind, scale, zero_point, buffer):
            fields = {0: t.numbers(shape, numpy.int32), 1: t.i8(kind), 2: t.u32(buffer), 3: t.text(name)}
            return t.table(fields if scale is None else fields | {4: quantization(scale, zero_point)})

        def operator(code, inputs, outputs, options, custom_options):
            fields = {0: t.u32(code), 1: t.numbers(inputs, numpy.int32), 2: t.numbers(outputs, numpy.int32)}
            if options:
                fields |= {3: t.u8(options[0]), 4: t.table(options[1](t))}
            return t.table(fields | ({5: t.bytes(custom_options)} if custom_options else {}))

        def operator_code(code, custom):
            return t.table({0: t.i8(code), 2: t.i32(1), 3: t.i32(code)} | ({1: t.text(custom)} if custom else {}))

        graph = t.table({0: t.list([tensor(*each) for each in self.tensors]), 1: t.numbers(self.inputs, numpy.int32),
                         2: t.numbers(self.outputs, numpy.int32), 3: t.list([operator(*each) for each in self.operators])})
        model = {0: t.u32(3), 1: t.list([operator_code(*each) for each in self.codes]), 2: t.list([graph]),
                 3: t.text(self.description), 4: t.list([t.table({0: t.bytes(b)} if b else {}) for b in buffers])}
        if metadata:
            named = t.table({0: t.text("TFLITE_METADATA"), 1: t.u32(len(buffers) - 1)})
            model[6] = t.list([named])
        return t.finish(t.table(model), b"TFL3")


def metadata(name, description, label_output, outputs, label_file="labels.txt"):
    """Metadata of a model from one picture to `outputs` tensors, of which number `label_output` counts classes by
    the lines of a file."""
    t = Tables()
    axis_labels, value_labels = 2, 3  # AssociatedFileType: names along an axis, or of the values
    file = t.table({0: t.text(label_file), 2: t.i8(axis_labels if outputs == 1 else value_labels)})
    files = t.list([file])
    image = t.table({0: t.u8(2), 1: t.table({0: t.i8(1)})})  # ImageProperties, RGB
    normalization = t.table({0: t.numbers([128], numpy.float32), 1: t.numbers([128], numpy.float32)})
    unit = t.table({0: t.u8(1), 1: normalization})
    source = t.table({0: t.text("picture"), 3: image, 4: t.list([unit])})
    results = [t.table({6: files} if i == label_output else {}) for i in range(outputs)]
    graph = t.table({2: t.list([source]), 3: t.list(results)})
    model = t.table({0: t.text(name), 1: t.text(description), 2: t.text("1"), 3: t.list([graph]),
                     4: t.text("The Gantry authors"), 5: t.text("Apache-2.0")})
    return t.finish(model, b"M001")


def with_labels(model, labels, label_file="labels.txt"):
    """The model's bytes with a zip archive behind them that holds the label file, as TensorFlow Lite's metadata has it."""
    stream = io.BytesIO(model)
    with zipfile.ZipFile(stream, "a") as archive:  # its offsets count from the file's first byte
        entry = zipfile.ZipInfo(label_file)  # dated 1980: the same bytes each time
        archive.writestr(entry, "".join(f"{label}\n" for label in labels))
    return stream.getvalue()
