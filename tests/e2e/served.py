"""A test case with a service of its own, and what tests ask about that process."""

import pathlib

from gantry_process import GantryTest, Service, shared
from raw_http import Connection, request


def start(*arguments):
    """A service for a busy machine, whose requests get all the time they may need; arguments may say otherwise."""
    return Service("--request-timeout", "10m", "--drain-timeout", "10m", *arguments)


def where(service):
    """(host, port) of a service."""
    host, port = service.address.rsplit(":", 1)
    return host, int(port)


def connect(service):
    return Connection(where(service))


def ask(service, data, to_head=False):
    """One request on a connection of its own."""
    with connect(service) as connection:
        return connection.ask(data, to_head)


def get(service, target, *headers):
    return ask(service, request("GET", target, headers=headers))


def metrics(service):
    """{name with its labels: value} of GET /metrics."""
    reply = get(service, "/metrics")
    assert reply.status == 200, reply
    values = {}
    for line in reply.body.decode().splitlines():
        if line and not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            values[name] = float(value)
    return values


def metric(values, name, **labels):
    """The sum of all series of that name with these labels."""
    wanted = [f'{key}="{value}"' for key, value in labels.items()]
    return sum(value for series, value in values.items()
               if series.split("{")[0] == name and all(label in series for label in wanted))


def memory(process):
    """(resident bytes, most resident bytes ever) of a process."""
    status = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines())
    return tuple(int(status[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))


def is_sanitized(process):
    """Sanitizers keep shadow memory and freed blocks: their programs have no bound that means something."""
    maps = pathlib.Path(f"/proc/{process.pid}/maps").read_text()
    return "libasan" in maps or "libtsan" in maps


class ServedTest(GantryTest):
    """One service for all tests of the class, started with arguments(); it has to survive them and end with 0."""

    @classmethod
    def arguments(cls):
        raise NotImplementedError

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.service = cls.enterClassContext(start(*cls.arguments()))

    @classmethod
    def tearDownClass(cls):
        if cls.service.process.poll() is not None:
            raise AssertionError(f"the service ended with {cls.service.process.returncode}: {cls.service.log[-20:]}")
        if (code := cls.service.stop()) != 0:
            raise AssertionError(f"SIGTERM ended the service with {code}: {cls.service.log[-20:]}")
        super().tearDownClass()

    def connect(self):
        return self.enterContext(connect(self.service))

    def ask(self, data, to_head=False):
        return ask(self.service, data, to_head)

    def assert_error(self, reply, status, code=None):
        """The documented shape of every error."""
        self.assertIn(reply.status, status if isinstance(status, (set, tuple)) else {status}, reply)
        self.assertEqual(reply.header("content-type"), "application/json", reply)
        answer = reply.json()
        self.assertIs(answer["success"], False)
        self.assertIsInstance(answer["error"], str)
        self.assertGreater(len(answer["error"]), 5)
        self.assertRegex(answer["code"], r"^[a-z][a-z_]*$")
        if code is not None:
            self.assertEqual(answer["code"], code, reply)

    def assert_good(self, reply):
        self.assertEqual(reply.status, 200, reply)
        answer = reply.json()
        self.assertIs(answer["success"], True)
        return answer


def shared_model(name):
    return shared(f"models/{name}.tflite")


def shared_image(name):
    return shared(f"images/{name}").read_bytes()
