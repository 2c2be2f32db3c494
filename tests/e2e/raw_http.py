"""HTTP over a bare socket, so that tests can send what no HTTP library would."""

import base64
import json
import os
import socket
import time

# How much slower than an ordinary build everything may be (sanitizers, emulation).
SLOW = float(os.environ.get("GANTRY_TEST_SLOW", "1"))
# Nothing that works takes so long: what does is a hang.
HANG_S = 120 * SLOW


class Reply:
    """One response. Header names are lower case."""

    def __init__(self, version, status, reason, headers, body):
        self.version = version
        self.status = status
        self.reason = reason
        self.headers = headers
        self.body = body

    def header(self, name):
        """The value of the only header of that name, or None."""
        found = [value for key, value in self.headers if key == name.lower()]
        if len(found) > 1:
            raise AssertionError(f"header {name} stands there {len(found)} times")
        return found[0] if found else None

    def json(self):
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise AssertionError(f"want JSON, got {self.body[:300]!r}: {error}") from None

    def __repr__(self):
        return f"<{self.status} {self.reason}: {self.body[:300]!r}>"


class Closed(Exception):
    """The peer closed, or reset, the connection where a reply was wanted."""


class Connection:
    def __init__(self, address, timeout=HANG_S):
        self.socket = socket.create_connection(address, timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def reset(self):
        """Closes with a reset (RST) instead of an orderly end."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def send_until_refused(self, data):
        """Sends what the peer takes; an early answer and a closed connection are no error here."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def _more(self):
        try:
            piece = self.socket.recv(1 << 16)
        except ConnectionResetError:
            raise Closed("reset by peer") from None
        if not piece:
            raise Closed(f"closed by peer after {self.buffer[:200]!r}")
        self.buffer += piece

    def _line(self):
        while b"\r\n" not in self.buffer:
            self._more()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line.decode("latin-1")

    def read(self, to_head=False):
        """The next response. Those to HEAD, 1xx, 204 and 304 have no body."""
        version, status, reason = (self._line().split(" ", 2) + [""])[:3]
        if not version.startswith("HTTP/1."):
            raise AssertionError(f"want a status line, got {version!r}")
        status = int(status)
        headers = []
        while line := self._line():
            name, value = line.split(":", 1)
            headers.append((name.lower(), value.strip()))
        reply = Reply(version, status, reason, headers, b"")
        if to_head or status < 200 or status in (204, 304):
            return reply
        length = reply.header("content-length")
        if length is None:
            raise AssertionError(f"{status} without Content-Length: {headers}")
        while len(self.buffer) < int(length):
            self._more()
        reply.body, self.buffer = self.buffer[: int(length)], self.buffer[int(length) :]
        return reply

    def ask(self, data, to_head=False):
        self.send(data)
        return self.read(to_head)

    def is_at_end(self):
        """Waits until the peer closes; False if it sends something first."""
        try:
            while not self.buffer:
                self._more()
        except Closed:
            return True
        return False


def request(method, target, body=None, headers=(), version="HTTP/1.1"):
    """The bytes of a request; Host and Content-Length are added unless given."""
    names = [name.lower() for name, _ in headers]
    lines = [f"{method} {target} {version}"]
    if "host" not in names:
        lines.append("Host: gantry.test")
    if body is not None and "content-length" not in names and "transfer-encoding" not in names:
        lines.append(f"Content-Length: {len(body)}")
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")


def part(name, content, filename=None, content_type=None):
    head = f'Content-Disposition: form-data; name="{name}"'
    if filename is not None:
        head += f'; filename="{filename}"'
    if content_type is not None:
        head += f"\r\nContent-Type: {content_type}"
    if isinstance(content, str):
        content = content.encode()
    return head.encode() + b"\r\n\r\n" + content


BOUNDARY = "----gantry-e2e-7MA4YWxkTrZu0gW"


def multipart(parts, boundary=BOUNDARY):
    """(body, content type) of a form."""
    marks = b"".join(b"--" + boundary.encode() + b"\r\n" + piece + b"\r\n" for piece in parts)
    return marks + b"--" + boundary.encode() + b"--\r\n", f"multipart/form-data; boundary={boundary}"


def form_request(image, fields=(), target="/infer"):
    parts = [part(name, str(value)) for name, value in fields]
    body, content_type = multipart([part("image", image, "photo", "application/octet-stream"), *parts])
    return request("POST", target, body, [("Content-Type", content_type)])


def raw_request(image, target="/infer", content_type="image/jpeg"):
    return request("POST", target, image, [("Content-Type", content_type)])


def json_request(image, target="/infer", **members):
    body = json.dumps({"image": base64.b64encode(image).decode(), **members}).encode()
    return request("POST", target, body, [("Content-Type", "application/json")])


def chunked(body, sizes):
    """A body in chunks of the given sizes, the last one taking the rest."""
    out = b""
    for size in sizes:
        if body:
            out += b"%x\r\n" % len(body[:size]) + body[:size] + b"\r\n"
            body = body[size:]
    if body:
        out += b"%x\r\n" % len(body) + body + b"\r\n"
    return out + b"0\r\n\r\n"


def poll(what, condition, timeout=HANG_S, pause=0.01):
    """Asks until the condition holds and hands back what it gave."""
    end = time.monotonic() + timeout
    while True:
        if value := condition():
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout:.0f} s: {what}")
        time.sleep(pause)
