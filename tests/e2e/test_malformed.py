"""Requests as no client should send them. Each gets its documented status with a JSON body, or its connection is closed;
the next good request works; nothing grows."""

import base64
import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
import unittest
import zlib

from gantry_process import Service, png
from raw_http import (BOUNDARY, HANG_S, Closed, Connection, chunked, form_request, json_request, multipart, part, poll,
                      raw_request, request)
from served import ServedTest, connect, get, is_sanitized, memory, metric, metrics, where
from models import classifier

GOOD = png(40, 30)
MEBI = 1 << 20


def post(body, content_type="image/png", *headers, target="/infer"):
    return request("POST", target, body, [("Content-Type", content_type), *headers])


def form(parts, boundary=BOUNDARY, content_type=None, target="/infer"):
    body, usual_type = multipart(parts, boundary)
    return post(body, content_type or usual_type, target=target)


def json_body(text, target="/infer"):
    return post(text if isinstance(text, bytes) else text.encode(), "application/json", target=target)


IMAGE = part("image", GOOD, "photo.png", "image/png")
ENCODED = base64.b64encode(GOOD).decode()


class Malformed(ServedTest):
    """A server with default limits. Every case leaves it as it was."""

    @classmethod
    def arguments(cls):
        return ["--model", classifier()]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for data in (form_request(GOOD), json_request(GOOD)):  # so that every path has been taken once
            with connect(cls.service) as connection:
                assert connection.ask(data).status == 200
        cls.at_start, _ = memory(cls.service.process)

    @classmethod
    def tearDownClass(cls):
        try:
            if not is_sanitized(cls.service.process):
                now, most = memory(cls.service.process)
                if most > 400 * MEBI or now > cls.at_start + 100 * MEBI:
                    raise AssertionError(f"resident memory: {cls.at_start} at the start, at most {most}, {now} at the end")
        finally:
            super().tearDownClass()

    def check_good_request(self, connection):
        self.assert_good(connection.ask(raw_request(GOOD)))

    def check(self, cases):
        """Each case: name, bytes, status or statuses, code or None, whether the connection stays open (None: either)."""
        for name, data, status, code, stays_open in cases:
            with self.subTest(name), connect(self.service) as connection:
                connection.send_until_refused(data)
                reply = connection.read()
                self.assert_error(reply, status, code)
                closes = reply.header("connection") == "close"
                if stays_open is not None:
                    self.assertEqual(not closes, stays_open, reply.headers)
                if closes:
                    self.assertTrue(connection.is_at_end())
                else:
                    self.check_good_request(connection)
                with connect(self.service) as another:
                    self.check_good_request(another)

    # ---- bodies: the framing is right, so that the connection stays ----

    def test_forms(self):
        body, _ = multipart([IMAGE])
        plain = "multipart/form-data"
        ours = f"{plain}; boundary={BOUNDARY}"
        self.check([
            ("no boundary parameter", post(body, plain), 400, None, True),
            ("empty boundary", post(body, plain + "; boundary="), 400, None, True),
            ("empty quoted boundary", post(body, plain + '; boundary=""'), 400, None, True),
            ("another boundary", post(body, plain + "; boundary=other"), 400, None, True),
            ("boundary longer than 70", post(body, plain + "; boundary=" + "x" * 4000), 400, None, True),
            ("empty body", post(b"", ours), 400, None, True),
            ("only the end mark", post(f"--{BOUNDARY}--\r\n".encode(), ours), 400, None, True),
            ("no end mark", post(body[: -len(BOUNDARY) - 6], ours), 400, None, True),
            ("ends in a header", post(body[: body.index(b"\r\n\r\n") - 5], ours), 400, None, True),
            ("no image", form([part("top_k", "3")]), 400, None, True),
            ("image under another name", form([part("file", GOOD, "photo.png")]), 400, None, True),
            ("two images", form([IMAGE, IMAGE]), 400, None, True),
            ("empty image", form([part("image", b"", "photo.png")]), 400, None, True),
            ("part without a name", form([b"Content-Type: image/png\r\n\r\n" + GOOD]), 400, None, True),
            ("part without a header", form([b"\r\n" + GOOD]), 400, None, True),
            ("part without a blank line", form([b'Content-Disposition: form-data; name="image"']), 400, None, True),
            ("a header line of 1 MB", form([b"X: " + b"x" * MEBI + b"\r\n\r\n" + GOOD]), 400, None, True),
            ("10 000 parts", form([part("x", "y")] * 10000), 400, None, True),
            ("unknown model", form([IMAGE, part("model", b"\xff\xfe")]), {400, 404}, None, True),
            ("NUL in a name", form([part("ima\0ge", GOOD)]), 400, None, True),
            ("no picture but text", form([part("image", "hello, world", "photo.png")]), {400, 415}, None, True),
        ])

    def test_a_form_may_have_extra_parts_preamble_and_epilogue(self):
        body, content_type = multipart([part("comment", "a cat"), IMAGE, part("top_k", "1")])
        for data in (body, b"preamble\r\n" + body, body + b"epilogue", body.replace(b"\r\n--" + BOUNDARY.encode() + b"\r\n",
                                                                                  b"\r\n--" + BOUNDARY.encode() + b" \t\r\n")):
            with connect(self.service) as connection:
                self.assertEqual(len(self.assert_good(connection.ask(post(data, content_type)))["predictions"]), 1)
        quoted = content_type.replace("boundary=", 'charset=utf-8; BOUNDARY="') + '"'
        self.assert_good(self.ask(post(body, quoted)))

    def test_json(self):
        deep = 100_000
        self.check([
            ("empty", json_body(""), 400, None, True),
            ("no JSON", json_body("image=cat"), 400, None, True),
            ("a list", json_body("[]"), 400, None, True),
            ("a string", json_body('"image"'), 400, None, True),
            ("null", json_body("null"), 400, None, True),
            ("an empty object", json_body("{}"), 400, None, True),
            ("image is null", json_body('{"image": null}'), 400, None, True),
            ("image is a number", json_body('{"image": 7}'), 400, None, True),
            ("image is a list", json_body('{"image": ["' + ENCODED + '"]}'), 400, None, True),
            ("image is empty", json_body('{"image": ""}'), 400, None, True),
            ("two images", json_body('{"image": "' + ENCODED + '", "image": "' + ENCODED + '"}'), 400, None, True),
            ("base64 with a bad letter", json_body('{"image": "' + ENCODED[:40] + "!" + ENCODED[41:] + '"}'), 400, None, True),
            ("base64 cut short", json_body('{"image": "' + ENCODED[:41] + '"}'), 400, None, True),
            ("base64 that goes on after its end", json_body('{"image": "QQ==QQ=="}'), 400, None, True),
            ("base64 of something else", json_body('{"image": "aGVsbG8="}'), {400, 415}, None, True),
            ("data behind the object", json_body('{"image": "' + ENCODED + '"} x'), 400, None, True),
            ("not closed", json_body('{"image": "' + ENCODED + '"'), 400, None, True),
            ("a trailing comma", json_body('{"image": "' + ENCODED + '",}'), 400, None, True),
            ("NaN", json_body('{"image": "' + ENCODED + '", "threshold": NaN}'), 400, None, True),
            ("invalid UTF-8", json_body(b'{"image": "\xff\xfe\xfd"}'), 400, None, True),
            ("invalid UTF-8 elsewhere", json_body(b'{"\xc3\x28": 1, "image": "' + ENCODED.encode() + b'"}'), 400, None, True),
            ("lone surrogate", json_body('{"image": "\\ud800"}'), 400, None, True),
            ("NUL escaped", json_body('{"image": "\\u0000"}'), 400, None, True),
            ("NUL bytes", json_body(b"\0" * 1000), 400, None, True),
            ("UTF-16", json_body('{"image": "x"}'.encode("utf-16")), 400, None, True),
            ("deep lists", json_body('{"image": ' + "[" * deep + "]" * deep + "}"), 400, None, True),
            ("deep lists, not closed", json_body("[" * deep), 400, None, True),
            ("deep objects", json_body('{"a":' * deep + "1" + "}" * deep), 400, None, True),
            ("deep lists beside the image", json_body('{"image": "' + ENCODED + '", "x": ' + "[" * deep + "]" * deep + "}"),
             400, None, True),
            ("top_k is a string", json_body('{"image": "' + ENCODED + '", "top_k": "many"}'), 400, None, True),
            ("top_k is a list", json_body('{"image": "' + ENCODED + '", "top_k": [1]}'), 400, None, True),
            ("top_k is true", json_body('{"image": "' + ENCODED + '", "top_k": true}'), 400, None, True),
            ("top_k has a fraction", json_body('{"image": "' + ENCODED + '", "top_k": 1.5}'), 400, None, True),
            ("top_k is negative", json_body('{"image": "' + ENCODED + '", "top_k": -1}'), 400, None, True),
            ("top_k is beyond 64 bits", json_body('{"image": "' + ENCODED + '", "top_k": 18446744073709551616}'), 400, None, True),
            ("top_k has 100 000 digits", json_body('{"image": "' + ENCODED + '", "top_k": ' + "9" * deep + "}"), 400, None, True),
            ("threshold is beyond a double", json_body('{"image": "' + ENCODED + '", "threshold": 1e999}'), 400, None, True),
            ("threshold is a string", json_body('{"image": "' + ENCODED + '", "threshold": "high"}'), 400, None, True),
            ("model is a number", json_body('{"image": "' + ENCODED + '", "model": 7}'), 400, None, True),
            ("model is an object", json_body('{"image": "' + ENCODED + '", "model": {}}'), 400, None, True),
        ])

    def test_pictures(self):
        self.check([
            ("nothing", post(b""), 400, None, True),
            ("one byte", post(b"x"), {400, 415}, None, True),
            ("text", post(b"hello, world"), {400, 415}, None, True),
            ("NUL bytes", post(b"\0" * 100_000), {400, 415}, None, True),
            ("half a picture", post(GOOD[: len(GOOD) // 2]), 400, None, True),
            ("only a signature", post(GOOD[:8]), 400, None, True),
            ("larger than the side limit", post(png(40_000, 1)), 413, None, True),
            ("gzip of a picture", post(zlib.compress(GOOD, wbits=31)), {400, 415}, None, True),
            ("gzip as content coding", post(zlib.compress(GOOD, wbits=31), "image/png", ("Content-Encoding", "gzip")),
             415, None, True),
            ("an unknown content coding", post(GOOD, "image/png", ("Content-Encoding", "sorcery")), 415, None, True),
        ])

    def test_content_types(self):
        form_body, form_type = multipart([IMAGE])
        self.check([
            ("text", post(b"hello", "text/plain"), 415, None, True),
            ("a web form", post(b"image=cat", "application/x-www-form-urlencoded"), 415, None, True),
            ("another multipart", post(form_body, form_type.replace("form-data", "mixed")), 415, None, True),
            ("video", post(GOOD, "video/mp4"), 415, None, True),
            ("XML", post(b"<x/>", "application/xml"), 415, None, True),
            ("nonsense", post(GOOD, ";;;///"), 415, None, True),
        ])

    def test_content_types_are_read_without_regard_to_case_and_parameters(self):
        form_body, form_type = multipart([IMAGE])
        json_bytes = json.dumps({"image": ENCODED}).encode()
        for body, content_type in ((GOOD, "IMAGE/PNG"), (GOOD, "image/png; q=1"), (GOOD, "application/octet-stream"),
                                   (form_body, form_type.replace("multipart/form-data", "Multipart/Form-DATA")),
                                   (json_bytes, "APPLICATION/JSON; charset=UTF-8")):
            with self.subTest(content_type):
                self.assert_good(self.ask(post(body, content_type)))

    def test_a_picture_without_a_content_type_is_looked_at(self):
        reply = self.ask(request("POST", "/infer", GOOD))
        self.assertIn(reply.status, {200, 415}, reply)

    def test_options(self):
        bad = []
        for name, values in (("top_k", ["0", "-1", "1.5", "many", "", "1e3", "0x10", "100001", "9223372036854775808", "+",
                                        "%20", "5%00", "nan", "٣", "1 2"]),
                             ("threshold", ["-0.1", "1.1", "nan", "NaN", "-nan", "inf", "-inf", "1e999", "high", "", "0,5",
                                            "0x1p-1", "0.5.5"])):
            for value in values:
                if "\0" not in value and "%" not in value:
                    bad.append((f"{name}={value!r} in the form", form([IMAGE, part(name, value)]), 400, None, True))
                quoted = "".join(c if c.isascii() and c not in " +" else "".join(f"%{b:02X}" for b in c.encode()) for c in value)
                bad.append((f"{name}={value!r} in the query", raw_request(GOOD, f"/infer?{name}={quoted}"), 400, None,
                            None if "%00" in quoted else True))
        bad.append(("top_k too long", form([IMAGE, part("top_k", "1" * 100_000)]), 400, None, True))
        bad.append(("model with a path", raw_request(GOOD, "/infer?model=../../etc/passwd"), 404, "not_found", True))
        bad.append(("model too long", form([IMAGE, part("model", "m" * 100_000)]), {400, 404}, None, True))
        self.check(bad)

    def test_an_error_does_not_repeat_a_long_input(self):
        reply = self.ask(form([IMAGE, part("model", "m" * 100_000)]))
        self.assertLess(len(reply.body), 2000)

    def test_negative_zero_and_other_odd_good_numbers(self):
        for query in ("threshold=-0.0", "threshold=1e-3", "threshold=0", "threshold=.5", "top_k=100000", "top_k=001",
                      "top_k=%31"):
            with self.subTest(query):
                self.assertIn(self.ask(raw_request(GOOD, f"/infer?{query}")).status, {200, 400} if "00" in query or
                              query.endswith(".5") else {200})

    # ---- routes and methods ----

    def test_routes_and_methods(self):
        self.check([
            ("unknown route", request("GET", "/nothing"), 404, "not_found", True),
            ("unknown route with a body", post(GOOD, target="/nothing"), 404, "not_found", True),
            ("below a route", request("GET", "/infer/x"), 404, "not_found", True),
            ("with a slash", request("GET", "/health/"), 404, "not_found", True),
            ("another case", request("GET", "/Health"), 404, "not_found", True),
            ("dots", request("GET", "/../etc/passwd"), 404, "not_found", True),
            ("GET /infer", request("GET", "/infer"), 405, None, True),
            ("PUT /infer", request("PUT", "/infer", GOOD), 405, None, True),
            ("DELETE /health", request("DELETE", "/health"), 405, None, True),
            ("POST /health", request("POST", "/health", b""), 405, None, True),
            ("POST /metrics", request("POST", "/metrics", b"x"), 405, None, True),
            ("PATCH /", request("PATCH", "/", b""), 405, None, True),
            ("unknown method", request("BREW", "/health"), {400, 405, 501}, None, None),
            ("TRACE", request("TRACE", "/health"), {405, 501}, None, None),
            ("CONNECT", request("CONNECT", "gantry.test:443"), {400, 404, 405, 501}, None, None),
            ("lower-case method", request("get", "/health"), {400, 405, 501}, None, None),
        ])

    def test_405_names_the_methods_there_are(self):
        self.assertIn("POST", self.ask(request("GET", "/infer")).header("allow"))
        self.assertIn("GET", self.ask(request("POST", "/health", b"")).header("allow"))

    def test_head_has_the_headers_of_get_and_no_body(self):
        for target in ("/health", "/", "/openapi.json", "/health/live"):
            with self.subTest(target), connect(self.service) as connection:
                head = connection.ask(request("HEAD", target), to_head=True)
                self.assertEqual(head.status, 200)
                plain = connection.ask(request("GET", target))  # would be read askew if HEAD had had a body
                self.assertEqual(plain.status, 200)
                self.assertEqual(head.header("content-type"), plain.header("content-type"))
        with connect(self.service) as connection:
            self.assertEqual(connection.ask(request("HEAD", "/nothing"), to_head=True).status, 404)
            self.check_good_request(connection)

    def test_options_is_answered(self):
        for target in ("/infer", "*"):
            with self.subTest(target), connect(self.service) as connection:
                self.assertIn(connection.ask(request("OPTIONS", target)).status, {200, 204, 404, 405})
                self.check_good_request(connection)

    # ---- framing ----

    def test_request_lines(self):
        def line(text):
            return text + b"\r\nHost: x\r\n\r\n"

        self.check([
            ("garbage", b"\x80\x81\x82\x83garbage\r\n\r\n", 400, "malformed_request", False),
            ("NUL bytes", b"\0" * 200, 400, "malformed_request", False),
            ("a TLS ClientHello", bytes.fromhex("16030100a5010000a10303") + os.urandom(160), 400, "malformed_request", False),
            ("an HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 505}, None, False),
            ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n\r\n", 400, None, False),
            ("HTTP/0.9", b"GET /health\r\n\r\n", 400, None, False),
            ("no version", line(b"GET /health"), 400, None, False),
            ("HTTP/2.0", line(b"GET /health HTTP/2.0"), 505, None, False),
            ("HTTP/1.9x", line(b"GET /health HTTP/1.x"), {400, 505}, None, False),
            ("another protocol", line(b"GET /health FTP/1.1"), 400, None, False),
            ("two spaces", line(b"GET  /health HTTP/1.1"), 400, None, False),
            ("a space in the path", line(b"GET /he alth HTTP/1.1"), {400, 505}, None, False),
            ("no target", line(b"GET HTTP/1.1"), 400, None, False),
            ("a relative target", line(b"GET health HTTP/1.1"), 400, None, None),
            ("a fragment", line(b"GET /health#top HTTP/1.1"), 400, None, None),
            ("a bad escape", line(b"GET /%zz HTTP/1.1"), 400, None, None),
            ("a cut escape", line(b"GET /% HTTP/1.1"), 400, None, None),
            ("a bad escape in the query", line(b"GET /health?x=%f HTTP/1.1"), 400, None, None),
            ("an escaped NUL", line(b"GET /health%00 HTTP/1.1"), 400, None, None),
            ("a NUL in the path", line(b"GET /hea\0lth HTTP/1.1"), 400, None, False),
            ("bytes above 127", line("GET /hëalth HTTP/1.1".encode()), {400, 404}, None, None),
            ("a long method", line(b"A" * 10_000 + b" / HTTP/1.1"), 400, None, False),
            ("a long path", line(b"GET /" + b"a" * 100_000 + b" HTTP/1.1"), {414, 431}, None, False),
            ("no carriage returns", b"GET /health HTTP/1.1\nHost: x\n\n", 400, None, False),
            ("a lone carriage return", b"GET /health HTTP/1.1\rHost: x\r\n\r\n", 400, None, False),
        ])

    def test_headers(self):
        def get_with(*lines):
            return b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n"

        self.check([
            ("10 MB of header", get_with(*[b"X-Filler: " + b"x" * 1000] * 10_000), 431, "header_too_large", False),
            ("one line of 10 MB", get_with(b"X-Filler: " + b"x" * 10 * MEBI), 431, "header_too_large", False),
            ("a name of 100 KB", get_with(b"X" * 100_000 + b": x"), 431, "header_too_large", False),
            ("100 000 headers", get_with(*[b"a: b"] * 100_000), 431, "header_too_large", False),
            ("1000 small headers", get_with(*[b"a: b"] * 1000), 431, "header_too_large", False),
            ("no colon", get_with(b"X-Header"), 400, "malformed_request", False),
            ("no name", get_with(b": value"), 400, "malformed_request", False),
            ("a space before the colon", get_with(b"X-Header : value"), 400, "malformed_request", False),
            ("a space in the name", get_with(b"X Header: value"), 400, "malformed_request", False),
            ("a NUL in the value", get_with(b"X-Header: a\0b"), 400, "malformed_request", False),
            ("a bell in the value", get_with(b"X-Header: a\x07b"), 400, "malformed_request", False),
            ("no Host", b"GET /health HTTP/1.1\r\n\r\n", 400, "malformed_request", None),
            ("two Hosts", get_with(b"Host: y"), 400, "malformed_request", None),
            ("another expectation", get_with(b"Expect: a miracle"), 417, None, None),
        ])

    def test_folded_lines_are_refused_or_joined(self):
        for data in (b"GET /health HTTP/1.1\r\nHost: x\r\nX-Folded: a\r\n b\r\n\r\n",
                     b"GET /health HTTP/1.1\r\n Host: x\r\nHost: y\r\n\r\n"):
            with self.subTest(data), connect(self.service) as connection:
                reply = connection.ask(data)
                self.assertIn(reply.status, {200, 400}, reply)
                if reply.header("connection") != "close":
                    self.check_good_request(connection)

    def test_lengths(self):
        def infer(*lines, body=b""):
            return (b"POST /infer HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n" +
                    b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body)

        self.check([
            ("two that differ", infer(b"Content-Length: 3", b"Content-Length: 4", body=b"abcd"), 400, "malformed_request", False),
            ("a list that differs", infer(b"Content-Length: 3, 4", body=b"abcd"), 400, "malformed_request", False),
            ("negative", infer(b"Content-Length: -1"), 400, "malformed_request", False),
            ("with a sign", infer(b"Content-Length: +3", body=b"abc"), 400, "malformed_request", False),
            ("hexadecimal", infer(b"Content-Length: 0x3", body=b"abc"), 400, "malformed_request", False),
            ("a word", infer(b"Content-Length: three", body=b"abc"), 400, "malformed_request", False),
            ("empty", infer(b"Content-Length:", body=b"abc"), 400, "malformed_request", False),
            ("beyond 64 bits", infer(b"Content-Length: 99999999999999999999999"), {400, 413}, None, False),
            ("2^64 - 1", infer(b"Content-Length: 18446744073709551615"), 413, "payload_too_large", False),
            ("2^63", infer(b"Content-Length: 9223372036854775808"), 413, "payload_too_large", False),
            ("one byte too much", infer(b"Content-Length: %d" % (32 * MEBI + 1)), 413, "payload_too_large", False),
            ("beside chunked", infer(b"Content-Length: 4", b"Transfer-Encoding: chunked", body=chunked(GOOD, [10])), 400,
             "malformed_request", False),
            ("chunked in HTTP/1.0", infer(b"Transfer-Encoding: chunked", body=chunked(GOOD, [10])).replace(
                b"HTTP/1.1", b"HTTP/1.0"), 400, None, False),
            ("chunked twice", infer(b"Transfer-Encoding: chunked, chunked", body=chunked(GOOD, [10])), {400, 501}, None, False),
            ("chunked and then gzip", infer(b"Transfer-Encoding: chunked, gzip", body=chunked(GOOD, [10])), {400, 501}, None,
             False),
            ("gzip and then chunked", infer(b"Transfer-Encoding: gzip, chunked", body=chunked(GOOD, [10])), {400, 501}, None,
             False),
            ("identity", infer(b"Transfer-Encoding: identity"), {400, 501}, None, False),
            ("nonsense", infer(b"Transfer-Encoding: xchunked", body=chunked(GOOD, [10])), {400, 501}, None, False),
        ])

    def test_the_same_length_twice_is_no_contradiction_or_refused(self):
        data = (b"POST /infer HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: %d\r\nContent-Length: %d\r\n\r\n" %
                (len(GOOD), len(GOOD))) + GOOD
        self.assertIn(self.ask(data).status, {200, 400})

    def chunked_request(self, body, *headers):
        return request("POST", "/infer", body, [("Content-Type", "image/png"), ("Transfer-Encoding", "chunked"), *headers])

    def test_chunked_bodies(self):
        for name, body in (("one chunk", chunked(GOOD, [])), ("single bytes", chunked(GOOD, [1] * len(GOOD))),
                           ("some", chunked(GOOD, [1, 2, 50])),
                           ("extensions", chunked(GOOD, [10]).replace(b"a\r\n", b"a;name=value;x=\"y\"\r\n", 1)),
                           ("upper-case and zeros", chunked(GOOD, [10]).replace(b"a\r\n", b"000A\r\n", 1)),
                           ("trailers", chunked(GOOD, [10])[:-2] + b"X-Checksum: 1\r\n\r\n")):
            with self.subTest(name), connect(self.service) as connection:
                self.assert_good(connection.ask(self.chunked_request(body)))
                self.check_good_request(connection)

    def test_bad_chunks(self):
        def body(text):
            return self.chunked_request(text)

        self.check([
            ("no size", body(b"\r\nabc\r\n0\r\n\r\n"), 400, "malformed_request", False),
            ("a word as size", body(b"xyz\r\nabc\r\n0\r\n\r\n"), 400, "malformed_request", False),
            ("a negative size", body(b"-3\r\nabc\r\n0\r\n\r\n"), 400, "malformed_request", False),
            ("0x3", body(b"0x3\r\nabc\r\n0\r\n\r\n"), 400, "malformed_request", False),
            ("a size beyond 64 bits", body(b"FFFFFFFFFFFFFFFFF\r\nabc\r\n0\r\n\r\n"), {400, 413}, None, False),
            ("2^64 - 1", body(b"FFFFFFFFFFFFFFFF\r\nabc\r\n0\r\n\r\n"), {400, 413}, None, False),
            ("more data than the size", body(b"3\r\nabcdef\r\n0\r\n\r\n"), 400, "malformed_request", False),
            ("an endless size line", body(b"1" * 200_000), {400, 431, 413}, None, False),
            ("an endless extension", body(b"3;x=" + b"x" * 200_000 + b"\r\nabc\r\n0\r\n\r\n"), {400, 431}, None, False),
            ("an endless trailer", body(b"0\r\n" + b"X-Filler: x\r\n" * 100_000 + b"\r\n"), {400, 431}, None, False),
            ("more than the limit in all", body(chunked(b"x" * (33 * MEBI), [MEBI] * 33)), 413, "payload_too_large", False),
        ])

    # ---- connections ----

    def test_a_truncated_body_and_other_hang_ups_leave_no_trace(self):
        whole = raw_request(GOOD)
        for cut in (1, 10, len(whole) - len(GOOD), len(whole) - 1):
            for end in ("close", "reset"):
                with self.subTest(cut=cut, end=end):
                    connection = connect(self.service)
                    connection.send(whole[:cut])
                    getattr(connection, end)()
        for end in ("close", "reset"):
            connection = connect(self.service)
            connection.send(whole * 20)  # hangs up without reading a single answer
            getattr(connection, end)()
        with connect(self.service) as connection:
            self.check_good_request(connection)

    def test_pipelined_requests_are_answered_in_order(self):
        with connect(self.service) as connection:
            connection.send(request("GET", "/health/live", headers=[("X-Request-Id", "one")]) +
                            request("POST", "/infer", GOOD, [("Content-Type", "image/png"), ("X-Request-Id", "two")]) +
                            request("GET", "/nothing", headers=[("X-Request-Id", "three")]))
            replies = [connection.read() for _ in range(3)]
        self.assertEqual([reply.header("x-request-id") for reply in replies], ["one", "two", "three"])
        self.assertEqual([reply.status for reply in replies], [200, 200, 404])

    def test_pipelined_inferences_are_answered_in_order(self):
        with connect(self.service) as connection:
            connection.send(b"".join(request("POST", f"/infer?top_k={n}", GOOD, [("Content-Type", "image/png")])
                                     for n in (1, 2, 1, 2, 1)))
            self.assertEqual([len(connection.read().json()["predictions"]) for _ in range(5)], [1, 2, 1, 2, 1])

    def test_what_follows_a_malformed_request_is_not_served(self):
        with connect(self.service) as connection:
            connection.send(request("GET", "/health") + b"GET /health HTTP/1.1\r\nno colon\r\n\r\n" + raw_request(GOOD))
            self.assertEqual(connection.read().status, 200)
            self.assert_error(connection.read(), 400, "malformed_request")
            self.assertTrue(connection.is_at_end())

    def test_http_1_0_closes_unless_asked_not_to(self):
        with connect(self.service) as connection:
            reply = connection.ask(request("POST", "/infer", GOOD, [("Content-Type", "image/png")], "HTTP/1.0"))
            self.assert_good(reply)
            self.assertTrue(connection.is_at_end())
        with connect(self.service) as connection:
            keep = [("Content-Type", "image/png"), ("Connection", "keep-alive")]
            for _ in range(2):
                reply = connection.ask(request("POST", "/infer", GOOD, keep, "HTTP/1.0"))
                self.assert_good(reply)
                self.assertEqual(reply.header("connection").lower(), "keep-alive")
        with connect(self.service) as connection:
            self.assertEqual(connection.ask(b"GET /health HTTP/1.0\r\n\r\n").status, 200)  # 1.0 has no Host
            self.assertTrue(connection.is_at_end())

    def test_connection_close_is_honoured(self):
        with connect(self.service) as connection:
            reply = connection.ask(request("GET", "/health", headers=[("Connection", "close")]))
            self.assertEqual(reply.header("connection"), "close")
            self.assertTrue(connection.is_at_end())

    def test_header_names_in_any_case(self):
        for change in (bytes.lower, bytes.upper):
            with self.subTest(change), connect(self.service) as connection:
                head, body = raw_request(GOOD).split(b"\r\n\r\n", 1)
                line, fields = head.split(b"\r\n", 1)
                fields = b"\r\n".join(change(f.split(b":", 1)[0]) + b":" + f.split(b":", 1)[1] for f in fields.split(b"\r\n"))
                self.assert_good(connection.ask(line + b"\r\n" + fields + b"\r\n\r\n" + body))

    def test_an_absolute_target(self):
        self.assertEqual(self.ask(request("GET", "http://gantry.test/health")).status, 200)
        self.assert_good(self.ask(raw_request(GOOD, "HTTP://gantry.test:8080/infer?top_k=1")))

    def test_an_escaped_path_means_the_same(self):
        self.assertEqual(self.ask(request("GET", "/%68ealth")).status, 200)

    def test_empty_lines_before_a_request_are_refused_or_skipped(self):
        with connect(self.service) as connection:
            reply = connection.ask(b"\r\n\r\n" + request("GET", "/health"))
            self.assertIn(reply.status, {200, 400}, reply)

    def test_every_byte_may_come_alone(self):
        data = form_request(png(4, 4))
        with connect(self.service) as connection:
            for i in range(len(data)):
                connection.send(data[i : i + 1])
            self.assert_good(connection.read())

    def test_request_ids_are_returned_when_they_are_well_formed(self):
        reply = self.ask(request("GET", "/health", headers=[("X-Request-Id", "abc-123")]))
        self.assertEqual(reply.header("x-request-id"), "abc-123")
        for bad in ("a b", "x" * 1000, 'a"b', "a<script>"):
            reply = self.ask(request("GET", "/health", headers=[("X-Request-Id", bad)]))
            self.assertEqual(reply.status, 200)
            self.assertNotEqual(reply.header("x-request-id"), bad)
        ids = {self.ask(request("GET", "/health")).header("x-request-id") for _ in range(20)}
        self.assertEqual(len(ids), 20)

    # ---- Expect ----

    def test_expect_is_answered_before_the_body_is_sent(self):
        head, body = raw_request(GOOD).split(b"\r\n\r\n", 1)
        with connect(self.service) as connection:
            self.assertEqual(connection.ask(head + b"\r\nExpect: 100-continue\r\n\r\n").status, 100)
            self.assert_good(connection.ask(body))
            self.check_good_request(connection)

    def test_a_body_that_will_be_refused_is_not_asked_for(self):
        with connect(self.service) as connection:
            reply = connection.ask(b"POST /infer HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 99999999999\r\n\r\n")
            self.assert_error(reply, 413, "payload_too_large")
            self.assertTrue(connection.is_at_end())

    def test_http_1_0_gets_no_100(self):
        data = request("POST", "/infer", GOOD, [("Content-Type", "image/png"), ("Expect", "100-continue")], "HTTP/1.0")
        self.assert_good(self.ask(data))

    @unittest.skipUnless(shutil.which("curl"), "needs curl")
    def test_curl_with_expect_form_and_pipe(self):
        url = self.service.url + "/infer"
        for arguments in (["-F", "image=@-;filename=x.png"], ["-H", "Expect: 100-continue", "-F", "image=@-;filename=x.png"],
                          ["-H", "Content-Type: image/png", "--data-binary", "@-"],
                          ["-H", "Content-Type: image/png", "-H", "Transfer-Encoding: chunked", "--data-binary", "@-"],
                          ["-X", "POST", "-H", "Content-Type: image/png", "-H", "Expect: 100-continue", "-T", "-"],
                          ["-0", "-H", "Content-Type: image/png", "--data-binary", "@-"]):
            with self.subTest(arguments):
                done = subprocess.run(["curl", "-sS", "--noproxy", "*", "--max-time", str(HANG_S), *arguments, url],
                                      input=GOOD, capture_output=True)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIs(json.loads(done.stdout)["success"], True, done.stdout)

    # ---- many at once ----

    def test_a_crowd_of_bad_clients_does_not_keep_a_good_one_waiting(self):
        with self.subTest("half requests held open"):
            held = [self.connect() for _ in range(200)]
            for i, connection in enumerate(held):
                connection.send((raw_request(GOOD)[: 20 + i], b"\x16\x03", b"GET / HTTP/1.1\r\nX: ")[i % 3])
            with connect(self.service) as connection:
                self.check_good_request(connection)
            for connection in held:
                connection.close()

    def test_unread_answers_do_not_pile_up(self):
        """Sends requests and never reads: the server must stop reading, not keep answers without end."""
        with connect(self.service) as connection:
            connection.socket.settimeout(1)
            sent = 0
            try:
                while sent < 64 * MEBI:
                    connection.send(request("GET", "/openapi.json") * 1000)
                    sent += 1000
            except TimeoutError:
                pass
            with connect(self.service) as another:
                self.check_good_request(another)
        # memory is judged at the end of the class


class Slow(ServedTest):
    """Tiny times: clients that dawdle are told so (408) or closed, and hold nothing up."""

    @classmethod
    def arguments(cls):
        return ["--model", classifier(), "--header-timeout", "300ms", "--body-timeout", "300ms", "--idle-timeout", "600ms",
                "--answer-timeout", "300ms"]

    def check_408(self, *pieces):
        with connect(self.service) as connection:
            for piece in pieces:
                connection.send(piece)
            self.assert_error(connection.read(), 408)
            self.assertTrue(connection.is_at_end())
        with connect(self.service) as connection:
            self.assert_good(connection.ask(raw_request(GOOD)))

    def test_half_a_request_line(self):
        self.check_408(b"GET /hea")

    def test_half_a_header(self):
        self.check_408(b"GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: ")

    def test_half_a_body(self):
        self.check_408(raw_request(GOOD)[:-10])

    def test_no_body_at_all(self):
        self.check_408(request("POST", "/infer", None, [("Content-Length", "100"), ("Content-Type", "image/png")]))

    def test_half_a_chunk(self):
        self.check_408(request("POST", "/infer", b"ff\r\nabc", [("Transfer-Encoding", "chunked"), ("Content-Type", "image/png")]))

    def test_a_body_after_100_continue_that_never_comes(self):
        with connect(self.service) as connection:
            connection.send(request("POST", "/infer", None, [("Content-Length", "100"), ("Content-Type", "image/png"),
                                                             ("Expect", "100-continue")]))
            self.assertEqual(connection.read().status, 100)
            self.assert_error(connection.read(), 408)

    def test_a_drip_of_bytes_does_not_extend_the_time(self):
        """One byte after another, each well within the time, together far beyond it."""
        for start, drip in ((b"GET /health HTTP/1.1\r\n", b"X: y\r\n"),
                            (request("POST", "/infer", None, [("Content-Length", "1000000"), ("Content-Type", "image/png")]),
                             b"x")):
            with self.subTest(start), connect(self.service) as connection:
                connection.send(start)
                connection.socket.settimeout(0.02)
                end = time.monotonic() + HANG_S
                while not connection.buffer:
                    self.assertLess(time.monotonic(), end, "served for ever")
                    connection.send_until_refused(drip)
                    try:
                        connection._more()
                    except TimeoutError:
                        pass
                connection.socket.settimeout(HANG_S)
                self.assert_error(connection.read(), 408)

    def test_an_answer_that_is_taken_byte_by_byte_is_cut(self):
        """Each byte well within the time in which something has to be taken, all of them far beyond that of an answer."""
        def cut():
            return metric(metrics(self.service), "gantry_http_answers_cut_total", reason="too_slow")

        before = cut()
        with connect(self.service) as connection:
            connection.socket.settimeout(0.2)
            # Until no more answers fit on the way to us; on a slow machine the time may be over already then.
            with contextlib.suppress(TimeoutError, BrokenPipeError, ConnectionResetError):
                while True:
                    connection.send(request("GET", "/openapi.json") * 100)
            connection.socket.settimeout(HANG_S)

            def is_cut():
                with contextlib.suppress(ConnectionResetError):
                    connection.socket.recv(1)
                return cut() > before

            poll("the answer is cut", is_cut)
        poll("a log line tells", lambda: [line for line in list(self.service.log)
                                          if "did not take its answer within 300 ms" in json.dumps(line)])

    def test_an_idle_connection_is_closed_without_a_word(self):
        with connect(self.service) as connection:
            self.assertTrue(connection.is_at_end())  # never sent anything
        with connect(self.service) as connection:
            self.assertEqual(connection.ask(request("GET", "/health")).status, 200)
            self.assertTrue(connection.is_at_end())

    def test_dawdlers_do_not_delay_others(self):
        held = [self.connect() for _ in range(50)]
        for connection in held:
            connection.send(b"GET /")
        with connect(self.service) as connection:
            self.assert_good(connection.ask(raw_request(GOOD)))
        for connection in held:
            self.assert_error(connection.read(), 408)


class Limits(ServedTest):
    """Small limits, exactly kept."""

    @classmethod
    def arguments(cls):
        return ["--model", classifier(), "--max-body", "10000", "--max-connections", "4", "--max-side", "100",
                "--max-pixels", "5000", "--idle-timeout", "10m"]

    def test_the_body_limit_is_exact(self):
        body = png(20, 20)
        fitting = body + b"\0" * (10000 - len(body))  # decoders stop at the end of the picture
        self.assert_good(self.ask(post(fitting)))
        self.assert_error(self.ask(post(fitting + b"\0")), 413, "payload_too_large")
        over = request("POST", "/infer", chunked(fitting + b"\0", [1000] * 9),
                       [("Content-Type", "image/png"), ("Transfer-Encoding", "chunked")])
        self.assert_error(self.ask(over), 413, "payload_too_large")
        fits = over.replace(chunked(fitting + b"\0", [1000] * 9), chunked(fitting, [1000] * 9))
        self.assert_good(self.ask(fits))

    def test_the_body_limit_is_answered_before_the_body(self):
        with connect(self.service) as connection:
            connection.send(request("POST", "/infer", None, [("Content-Length", "10001"), ("Content-Type", "image/png")]))
            self.assert_error(connection.read(), 413, "payload_too_large")

    def test_sides_and_pixels(self):
        for size, status in (((100, 50), 200), ((101, 1), 413), ((1, 101), 413), ((50, 100), 200), ((72, 70), 413)):
            with self.subTest(size):
                reply = self.ask(post(png(*size)))
                self.assertEqual(reply.status, status, reply)

    def test_connections_beyond_the_limit_get_503(self):
        held = [self.connect() for _ in range(4)]
        for connection in held:
            self.assertEqual(connection.ask(request("GET", "/health")).status, 200)
        with connect(self.service) as connection:
            connection.send_until_refused(request("GET", "/health"))
            self.assert_error(connection.read(), 503)
            self.assertTrue(connection.is_at_end())
        for connection in held:  # those inside were not disturbed
            self.assertEqual(connection.ask(request("GET", "/health")).status, 200)
        for connection in held:
            connection.close()

        def is_let_in():
            with connect(self.service) as connection:
                connection.send_until_refused(request("GET", "/health"))
                try:
                    return connection.read().status == 200
                except Closed:
                    return False

        poll("a connection is free again", is_let_in)


if __name__ == "__main__":
    unittest.main()
