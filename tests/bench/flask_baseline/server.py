"""The service of the plan that Gantry grew from, as a measure: Flask, Pillow, and TensorFlow Lite's interpreter.

Written after the plan's description of it. It takes TensorFlow Lite's C library where the plan took Python's
TensorFlow, so that both services run the same kernels.
"""

import argparse
import ctypes
import io
import threading
import time

import numpy
from flask import Flask, Response, jsonify, request
from PIL import Image


class Interpreter:
    """A model of one uint8 picture input and one uint8 output, through TensorFlow Lite's C API."""

    def __init__(self, library, model, threads):
        lib = ctypes.CDLL(library)
        pointer, size = ctypes.c_void_p, ctypes.c_size_t
        for name, result, arguments in (
                ("TfLiteModelCreateFromFile", pointer, [ctypes.c_char_p]),
                ("TfLiteInterpreterOptionsCreate", pointer, []),
                ("TfLiteInterpreterOptionsSetNumThreads", None, [pointer, ctypes.c_int32]),
                ("TfLiteInterpreterCreate", pointer, [pointer, pointer]),
                ("TfLiteInterpreterAllocateTensors", ctypes.c_int, [pointer]),
                ("TfLiteInterpreterInvoke", ctypes.c_int, [pointer]),
                ("TfLiteInterpreterGetInputTensor", pointer, [pointer, ctypes.c_int32]),
                ("TfLiteInterpreterGetOutputTensor", pointer, [pointer, ctypes.c_int32]),
                ("TfLiteTensorNumDims", ctypes.c_int32, [pointer]),
                ("TfLiteTensorDim", ctypes.c_int32, [pointer, ctypes.c_int32]),
                ("TfLiteTensorCopyFromBuffer", ctypes.c_int, [pointer, pointer, size]),
                ("TfLiteTensorCopyToBuffer", ctypes.c_int, [pointer, pointer, size])):
            function = getattr(lib, name)
            function.restype, function.argtypes = result, arguments
        self._lib = lib
        # The model, the options and the interpreter live as long as the process.
        loaded = lib.TfLiteModelCreateFromFile(model.encode())
        if not loaded:
            raise SystemExit(f"{model}: TensorFlow Lite refuses it")
        options = lib.TfLiteInterpreterOptionsCreate()
        lib.TfLiteInterpreterOptionsSetNumThreads(options, threads)
        self._interpreter = lib.TfLiteInterpreterCreate(loaded, options)
        if not self._interpreter or lib.TfLiteInterpreterAllocateTensors(self._interpreter) != 0:
            raise SystemExit(f"{model}: no interpreter for it")
        self._input = lib.TfLiteInterpreterGetInputTensor(self._interpreter, 0)
        self._output = lib.TfLiteInterpreterGetOutputTensor(self._interpreter, 0)
        self.input_shape = self._shape(self._input)
        self.output_shape = self._shape(self._output)

    def _shape(self, tensor):
        return [self._lib.TfLiteTensorDim(tensor, i) for i in range(self._lib.TfLiteTensorNumDims(tensor))]

    def set_input(self, array):
        array = numpy.ascontiguousarray(array, dtype=numpy.uint8)
        if self._lib.TfLiteTensorCopyFromBuffer(self._input, array.ctypes.data, array.nbytes) != 0:
            raise RuntimeError(f"input: want {self.input_shape}, got {list(array.shape)}")

    def invoke(self):
        if self._lib.TfLiteInterpreterInvoke(self._interpreter) != 0:
            raise RuntimeError("invoke failed")

    def output(self):
        array = numpy.empty(self.output_shape, dtype=numpy.uint8)
        if self._lib.TfLiteTensorCopyToBuffer(self._output, array.ctypes.data, array.nbytes) != 0:
            raise RuntimeError("output: not of the expected size")
        return array


def preprocess(data, width, height):
    image = Image.open(io.BytesIO(data))
    if image.mode != "RGB":
        image = image.convert("RGB")
    image = image.resize((width, height), Image.Resampling.BILINEAR)
    return numpy.expand_dims(numpy.array(image, dtype=numpy.uint8), axis=0)


def make_app(interpreter):
    app = Flask(__name__)
    lock = threading.Lock()  # one interpreter for all threads of the server
    totals = {"count": 0, "seconds": 0.0}
    height, width = interpreter.input_shape[1:3]

    @app.get("/health")
    def health():
        return jsonify(status="healthy", model_loaded=True)

    @app.get("/metrics")
    def metrics():
        count, seconds = totals["count"], totals["seconds"]
        return Response("# TYPE npu_inference_total counter\n"
                        f"npu_inference_total {count}\n"
                        "# TYPE npu_inference_time_seconds_total counter\n"
                        f"npu_inference_time_seconds_total {seconds}\n"
                        "# TYPE npu_inference_time_seconds_avg gauge\n"
                        f"npu_inference_time_seconds_avg {seconds / count if count else 0.0}\n",
                        mimetype="text/plain")

    @app.get("/")
    def index():
        return jsonify(service="inference", endpoints={"POST /infer": "multipart field image",
                                                       "GET /health": "state", "GET /metrics": "Prometheus"})

    @app.post("/infer")
    def infer():
        if "image" not in request.files:
            return jsonify(success=False, error="no image"), 400
        try:
            tensor = preprocess(request.files["image"].read(), width, height)
        except (OSError, ValueError) as error:
            return jsonify(success=False, error=str(error)), 400
        with lock:
            interpreter.set_input(tensor)
            start = time.perf_counter()
            interpreter.invoke()
            seconds = time.perf_counter() - start
            scores = interpreter.output()
            totals["count"] += 1
            totals["seconds"] += seconds
        top = numpy.argsort(scores[0])[-5:][::-1]
        return jsonify(success=True,
                       predictions=[{"class_id": int(i), "score": float(scores[0][i])} for i in top],
                       inference_time_ms=round(seconds * 1000, 4), shape=list(scores.shape))

    return app


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--library", default="libtensorflow-lite.so.2.14.1")
    arguments = parser.parse_args()
    app = make_app(Interpreter(arguments.library, arguments.model, arguments.threads))
    # As the plan ran it: the server that comes with Flask, a thread a connection.
    app.run(host="127.0.0.1", port=arguments.port)


if __name__ == "__main__":
    main()
