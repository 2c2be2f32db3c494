"""TensorFlow Lite's own interpreter, through its C library: what the server runs models with."""

import ctypes

import numpy

TYPES = {1: numpy.float32, 2: numpy.int32, 3: numpy.uint8}  # TfLiteType


class Interpreter:
    """A model of one picture input."""

    def __init__(self, model, library="libtensorflow-lite.so.2.14.1"):
        """`model`: the file's bytes."""
        self._lib = lib = ctypes.CDLL(library)
        pointer, size, number = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int32
        for name, result, arguments in (
                ("TfLiteModelCreate", pointer, [ctypes.c_char_p, size]),
                ("TfLiteInterpreterCreate", pointer, [pointer, pointer]),
                ("TfLiteInterpreterAllocateTensors", number, [pointer]),
                ("TfLiteInterpreterInvoke", number, [pointer]),
                ("TfLiteInterpreterGetInputTensor", pointer, [pointer, number]),
                ("TfLiteInterpreterGetOutputTensorCount", number, [pointer]),
                ("TfLiteInterpreterGetOutputTensor", pointer, [pointer, number]),
                ("TfLiteTensorNumDims", number, [pointer]),
                ("TfLiteTensorDim", number, [pointer, number]),
                ("TfLiteTensorType", number, [pointer]),
                ("TfLiteTensorCopyFromBuffer", number, [pointer, pointer, size]),
                ("TfLiteTensorCopyToBuffer", number, [pointer, pointer, size])):
            function = getattr(lib, name)
            function.restype, function.argtypes = result, arguments
        self._bytes = model  # the interpreter reads them as long as it lives, and both live as long as the process
        loaded = lib.TfLiteModelCreate(model, len(model))
        self._interpreter = loaded and lib.TfLiteInterpreterCreate(loaded, None)
        if not self._interpreter or lib.TfLiteInterpreterAllocateTensors(self._interpreter) != 0:
            raise ValueError("TensorFlow Lite refuses the model")
        self._input = lib.TfLiteInterpreterGetInputTensor(self._interpreter, 0)
        self.input_shape = self._shape(self._input)

    def _shape(self, tensor):
        return [self._lib.TfLiteTensorDim(tensor, i) for i in range(self._lib.TfLiteTensorNumDims(tensor))]

    def run(self, picture):
        """Every output of one uint8 picture [S,S,3]."""
        picture = numpy.ascontiguousarray(picture, numpy.uint8)
        if self._lib.TfLiteTensorCopyFromBuffer(self._input, picture.ctypes.data, picture.nbytes) != 0:
            raise ValueError(f"input: want {self.input_shape}, got {list(picture.shape)}")
        if self._lib.TfLiteInterpreterInvoke(self._interpreter) != 0:
            raise RuntimeError("invoke failed")
        outputs = []
        for i in range(self._lib.TfLiteInterpreterGetOutputTensorCount(self._interpreter)):
            tensor = self._lib.TfLiteInterpreterGetOutputTensor(self._interpreter, i)
            array = numpy.empty(self._shape(tensor), TYPES[self._lib.TfLiteTensorType(tensor)])
            self._lib.TfLiteTensorCopyToBuffer(tensor, array.ctypes.data, array.nbytes)
            outputs.append(array)
        return outputs
