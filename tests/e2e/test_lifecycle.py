"""Under load: a queue with an exact bound, deadlines, clients that hang up, crowds, and the end."""

import contextlib
import pathlib
import signal
import threading
import unittest

from gantry_process import GantryTest
from raw_http import HANG_S, Closed, form_request, json_request, poll, raw_request, request
from served import connect, get, metric, metrics, shared_image, shared_model, start

# Costs some tens of milliseconds on one thread by TensorFlow Lite's own kernels, so that a queue can be filled before the
# first answer is there.
SLOW_MODEL = "mobilenet_v1_1.0_224_quant"
FAST_MODEL = "mobilenet_v1_0.25_128_quant"
ONE_AT_A_TIME = ("--slots", "1", "--threads", "1", "--decode-threads", "1", "--cpu-backend", "tflite")
WORKERS = 2  # one slot and one decode thread


@contextlib.contextmanager
def frozen(service):
    """Stops the process, so that what is sent meanwhile is all there at once when it goes on."""
    service.signal(signal.SIGSTOP)
    try:
        # The signal is on its way until every thread stands.
        tasks = pathlib.Path(f"/proc/{service.process.pid}/task")
        poll("the process stands", lambda: all("State:\tT" in (task / "status").read_text() for task in tasks.iterdir()))
        yield
    finally:
        service.signal(signal.SIGCONT)


class Load(GantryTest):
    def serve(self, model, *arguments):
        service = self.enterContext(start("--model", shared_model(model), *arguments))
        self.addCleanup(lambda: self.assertIsNone(service.process.poll(), service.log[-5:]) if not self.ends else None)
        return service

    def setUp(self):
        self.ends = False  # the test ends the process itself

    def connect(self, service):
        return self.enterContext(connect(service))

    def prediction(self, reply):
        self.assertEqual(reply.status, 200, reply)
        best = reply.json()["predictions"][0]
        return best["class_id"], best["score"]

    def outcome(self, service, name):
        return metric(metrics(service), "gantry_inference_requests_total", outcome=name)

    def queue_depth(self, values):
        return metric(values, "gantry_queue_depth")


class Queue(Load):
    def test_the_bound_is_exact_and_the_accepted_are_answered_right(self):
        capacity = 2
        service = self.serve(SLOW_MODEL, *ONE_AT_A_TIME, "--queue", capacity)
        data = form_request(shared_image("burger.jpg"))
        with connect(service) as connection:
            wanted = self.prediction(connection.ask(data))
        crowd = 20
        for attempt in range(20):
            answered = []  # statuses in the order of their arrival
            lock = threading.Lock()

            def read(connection):
                reply = connection.read()
                with lock:
                    answered.append(reply)

            connections = [self.connect(service) for _ in range(crowd)]
            with frozen(service):
                for connection in connections:
                    connection.send(data)
            readers = [threading.Thread(target=read, args=(connection,)) for connection in connections]
            for reader in readers:
                reader.start()
            for reader in readers:
                reader.join()
            for connection in connections:
                connection.close()
            statuses = [reply.status for reply in answered]
            self.assertLessEqual(set(statuses), {200, 429})
            for reply in answered:
                if reply.status == 200:
                    self.assertEqual(self.prediction(reply), wanted)
                else:
                    self.assertRegex(reply.header("retry-after"), r"^[1-9][0-9]*$")
                    answer = reply.json()
                    self.assertEqual((answer["success"], answer["code"]), (False, "resource_exhausted"), answer)
            # Never fewer than fit.
            self.assertGreaterEqual(statuses.count(200), WORKERS + capacity)
            if statuses.index(200) >= crowd - (WORKERS + capacity):
                # All refusals came before the first answer, so that no place had become free: then it is exact.
                self.assertEqual(statuses.count(200), WORKERS + capacity, statuses)
                break
        else:
            self.fail("in twenty attempts a request was always done before the last one was refused")
        values = metrics(service)
        self.assertEqual(self.queue_depth(values), 0)
        self.assertEqual(metric(values, "gantry_queue_capacity"), capacity)
        refused = metric(values, "gantry_inference_requests_total", outcome="resource_exhausted")
        accepted = metric(values, "gantry_inference_requests_total", outcome="ok")
        self.assertEqual(refused + accepted, crowd * (attempt + 1) + 1)
        self.assertEqual(accepted, metric(values, "npu_inference_total"))
        self.assertEqual(service.stop(), 0)
        self.ends = True

    def test_health_and_metrics_answer_while_the_queue_is_full(self):
        service = self.serve(SLOW_MODEL, *ONE_AT_A_TIME, "--queue", 1)
        data = raw_request(shared_image("burger.jpg"))
        connections = [self.connect(service) for _ in range(10)]
        for connection in connections:
            connection.send(data)
        for target in ("/health", "/health/live", "/health/ready", "/metrics"):
            self.assertEqual(get(service, target).status, 200)
        self.assertLessEqual({connection.read().status for connection in connections}, {200, 429})

    def test_a_hundred_clients_all_get_right_answers(self):
        service = self.serve(FAST_MODEL)
        pictures = [shared_image(name) for name in ("grace_hopper_224.jpg", "burger.jpg", "peacock.progressive.jpeg")]
        makers = (form_request, raw_request, json_request)
        wanted = []
        with connect(service) as connection:
            for picture in pictures:
                wanted.append(self.prediction(connection.ask(raw_request(picture))))
        self.assertEqual(len(set(wanted)), 3)
        self.assertEqual(wanted[1][0], 934)
        wrong = []

        def client(number):
            try:
                with connect(service) as connection:
                    for turn in range(3):
                        which = (number + turn) % 3
                        reply = connection.ask(makers[(number // 3 + turn) % 3](pictures[which]))
                        if self.prediction(reply) != wanted[which]:
                            wrong.append((number, reply))
            except Exception as error:  # pylint: disable=broad-except
                wrong.append((number, repr(error)))

        clients = [threading.Thread(target=client, args=(number,)) for number in range(100)]
        for thread in clients:
            thread.start()
        for thread in clients:
            thread.join()
        self.assertEqual(wrong, [])
        self.assertEqual(self.outcome(service, "ok"), 303)

    def test_many_slots_agree(self):
        service = self.serve(FAST_MODEL, "--slots", "4", "--threads", "1")
        data = raw_request(shared_image("coffee.png"))
        connections = [self.connect(service) for _ in range(40)]
        with frozen(service):
            for connection in connections:
                connection.send(data)
        self.assertEqual(len({self.prediction(connection.read()) for connection in connections}), 1)


class Deadlines(Load):
    def test_requests_that_wait_too_long_get_504_and_are_not_computed(self):
        service = self.serve(SLOW_MODEL, *ONE_AT_A_TIME, "--request-timeout", "5ms")
        data = raw_request(shared_image("burger.jpg"))
        before = metrics(service)
        connections = [self.connect(service) for _ in range(20)]
        for connection in connections:
            connection.send(data)
        for connection in connections:
            reply = connection.read()
            self.assertEqual(reply.status, 504, reply)
            self.assertIs(reply.json()["success"], False)
            self.assertEqual(reply.json()["code"], "deadline_exceeded")
        # Those that were being worked on end some time after their 504.
        values = poll("nothing waits or runs", lambda: (
            lambda v: v if self.queue_depth(v) == 0 and metric(v, "gantry_slots_busy") == 0 else None)(metrics(service)))
        computed = metric(values, "npu_inference_total") - metric(before, "npu_inference_total")
        self.assertLess(computed, 20)
        # The connections are as good as before.
        self.assertEqual(connections[0].ask(request("GET", "/health")).status, 200)

    def test_a_long_deadline_changes_nothing(self):
        service = self.serve(FAST_MODEL, "--request-timeout", "10m")
        with connect(service) as connection:
            self.assertEqual(connection.ask(raw_request(shared_image("burger.jpg"))).status, 200)


class HangUps(Load):
    def test_those_who_hung_up_are_dropped_unstarted(self):
        service = self.serve(SLOW_MODEL, *ONE_AT_A_TIME, "--queue", "1000")
        data = raw_request(shared_image("burger.jpg"))
        with connect(service) as connection:
            self.prediction(connection.ask(data))
        patient = [self.connect(service) for _ in range(WORKERS + 30)]
        for connection in patient:
            connection.send(data)
        # These stand behind thirty others: more than a second.
        leaving = [connect(service) for _ in range(40)]
        for connection in leaving:
            connection.send(data)
        poll("all wait", lambda: (lambda v: metric(v, "gantry_inference_requests_total", outcome="ok") + self.queue_depth(v) >=
                                  70 + 1)(metrics(service)))
        for i, connection in enumerate(leaving):
            connection.close() if i % 2 else connection.reset()
        poll("they are counted as cancelled", lambda: self.outcome(service, "cancelled") == 40)
        for connection in patient:
            self.prediction(connection.read())
        values = metrics(service)
        self.assertEqual(metric(values, "npu_inference_total"), 1 + len(patient))
        self.assertEqual(metric(values, "gantry_inference_requests_total", outcome="ok"), 1 + len(patient))


class Shutdown(Load):
    def fill(self, service, count):
        """`count` requests of which all are accepted and most wait."""
        data = raw_request(shared_image("burger.jpg"))
        connections = [self.connect(service) for _ in range(count)]
        for connection in connections:
            connection.send(data)
        poll("all are accepted", lambda: (lambda v: metric(v, "gantry_inference_requests_total", outcome="ok") +
                                          self.queue_depth(v) >= count - WORKERS)(metrics(service)))
        return connections

    def fill_up(self, service):
        """More requests than can be answered soon. On a busy machine the service may answer as fast as we send: so more of them."""
        connections = []
        while self.queue_depth(metrics(service)) < 200:
            connections += self.fill(service, 300)
        return connections

    def test_sigterm_under_load_answers_what_was_accepted(self):
        self.ends = True
        service = self.serve(SLOW_MODEL, *ONE_AT_A_TIME, "--queue", "100")
        connections = self.fill(service, 30)
        idle = self.connect(service)
        self.assertEqual(idle.ask(request("GET", "/health")).status, 200)
        service.signal()
        for connection in connections:
            reply = connection.read()
            self.assertEqual(self.prediction(reply)[0], 934)
        self.assertTrue(idle.is_at_end())
        self.assertEqual(service.process.wait(HANG_S), 0)

    def test_while_draining_new_clients_are_refused(self):
        self.ends = True
        service = self.serve(SLOW_MODEL, *ONE_AT_A_TIME, "--queue", "100")
        connections = self.fill(service, 30)
        service.signal()
        service.wait_for_log("stopping")

        def is_refused():
            try:
                with connect(service) as connection:
                    connection.send(raw_request(shared_image("burger.jpg")))
                    return connection.read().status == 503
            except (OSError, Closed):
                return True

        poll("new clients are refused", is_refused)
        for connection in connections:
            self.assertEqual(connection.read().status, 200)
        self.assertEqual(service.process.wait(HANG_S), 0)

    def test_a_second_signal_ends_it_at_once(self):
        self.ends = True
        service = self.serve(SLOW_MODEL, *ONE_AT_A_TIME, "--queue", "1000", "--request-timeout", "1h", "--drain-timeout", "1h")
        connections = self.fill_up(service)
        service.signal()
        service.wait_for_log("stopping")
        service.signal()
        self.assertEqual(service.process.wait(HANG_S), 3)
        unanswered = 0
        for connection in connections:
            try:
                connection.read()
            except Closed:
                unanswered += 1
        self.assertGreater(unanswered, 100)

    def test_the_drain_has_an_end(self):
        self.ends = True
        service = self.serve(SLOW_MODEL, *ONE_AT_A_TIME, "--queue", "1000", "--request-timeout", "1h", "--drain-timeout", "10ms")
        self.fill_up(service)
        service.signal()
        self.assertEqual(service.process.wait(HANG_S), 3)

    def test_a_request_that_was_still_coming_is_unfinished(self):
        with start("--drain-timeout", "50ms") as service, connect(service) as connection:
            connection.send(b"POST /infer HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: 100000\r\n"
                            b"Expect: 100-continue\r\n\r\n")
            self.assertIn(b"100 Continue", connection.socket.recv(1000))  # so its header was read
            connection.send(b"xx")
            service.signal()
            self.assertEqual(service.process.wait(HANG_S), 3)
            service.wait_for_log("stopped with requests unanswered")

    def test_connections_without_a_request_are_not_unfinished(self):
        with start("--drain-timeout", "50ms") as service, connect(service) as used, connect(service):
            self.assertEqual(used.ask(request("GET", "/health")).status, 200)
            service.signal()
            self.assertEqual(service.process.wait(HANG_S), 0)
            service.wait_for_log("stopped")


if __name__ == "__main__":
    unittest.main()
