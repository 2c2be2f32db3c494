"""A file server on the loopback that fails in the ways that servers fail, and remembers what it was asked.

Each path has a list of answers, functions of the request's handler: the first request gets the first, and so on; the last one stays.
"""

import http.server
import ssl
import threading
import time


class FaultyServer:
    """`with FaultyServer() as server:`; then `server.answer("/x", whole(data))` and `server.url("/x")`."""

    def __init__(self, certificate=None):
        self.requests = []  # (path, headers)
        self.release = threading.Event()  # lets stalled answers end
        self.stalled = threading.Event()  # an answer has sent its part and waits
        self._answers = {}
        self._scheme = "https" if certificate else "http"
        faulty = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                faulty.requests.append((self.path, dict(self.headers)))
                answers = faulty._answers.get(self.path, [status(404)])
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                try:
                    answer(self)
                except (ConnectionError, ssl.SSLError):
                    pass  # the client went: often the point
                self.close_connection = True

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.faulty = self
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self._server.handle_error = lambda *_: None  # clients that do not trust the certificate

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.release.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, path, *answers):
        self._answers[path] = list(answers)

    def url(self, path=""):
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}{path}"

    def ranges(self, path):
        """The Range header of each request for this path, None where there was none."""
        return [headers.get("Range") for asked, headers in self.requests if asked == path]


def head(handler, code, length, **headers):
    handler.send_response(code)
    if length is not None:
        handler.send_header("Content-Length", str(length))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()


def whole(data, etag='"v1"', ranges=True, always_206=False, **headers):
    """A server as it should be: ETag, Range, If-Range (always_206: it ignores If-Range)."""
    if etag:
        headers["ETag"] = etag

    def answer(handler):
        asked = handler.headers.get("Range", "")
        fits = always_206 or handler.headers.get("If-Range", etag) == etag
        if ranges and asked.startswith("bytes=") and asked.endswith("-") and fits:
            first = int(asked[6:-1])
            if first >= len(data):
                head(handler, 416, 0, Content_Range=f"bytes */{len(data)}")
                return
            head(handler, 206, len(data) - first,
                 Content_Range=f"bytes {first}-{len(data) - 1}/{len(data)}", **headers)
            handler.wfile.write(data[first:])
        else:
            head(handler, 200, len(data), **headers)
            handler.wfile.write(data)
    return answer


def cut(data, sent, etag='"v1"', **headers):
    """Announces everything, sends the first bytes, and closes."""
    def answer(handler):
        if etag:
            headers["ETag"] = etag
        head(handler, 200, len(data), **headers)
        handler.wfile.write(data[:sent])
        handler.wfile.flush()
    return answer


def stall(data, sent, etag='"v1"'):
    """Sends the first bytes, then nothing until the test lets it."""
    def answer(handler):
        faulty = handler.server.faulty
        head(handler, 200, len(data), ETag=etag)
        handler.wfile.write(data[:sent])
        handler.wfile.flush()
        faulty.stalled.set()
        faulty.release.wait()
        handler.wfile.write(data[sent:])
    return answer


def drip(data):
    """A few bytes now and then, until the client has had enough."""
    def answer(handler):
        head(handler, 200, len(data), ETag='"v1"')
        for byte in data:
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
            if handler.server.faulty.release.is_set():
                return
            time.sleep(0.05)  # the fault itself
    return answer


def status(code, body=b"no", **headers):
    return lambda handler: (head(handler, code, len(body), **headers), handler.wfile.write(body))


def redirect(to):
    return lambda handler: head(handler, 302, 0, Location=to)


def announced(data, length, etag='"v1"'):
    """Sends data under a Content-Length that is not its own; None: without one, until it closes."""
    def answer(handler):
        extra = {"Connection": "close"} if length is None else {}
        head(handler, 200, length, ETag=etag, **extra)
        handler.wfile.write(data)
    return answer


def silence(handler):
    """Closes without a word."""
    handler.wfile.flush()


def other_range(data, first, etag='"v1"'):
    """206, but of another part than was asked for."""
    def answer(handler):
        head(handler, 206, len(data) - first, ETag=etag,
             Content_Range=f"bytes {first}-{len(data) - 1}/{len(data)}")
        handler.wfile.write(data[first:])
    return answer
