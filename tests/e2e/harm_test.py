"""Shadows that harm what they copy: one that overtakes a write, one that slows the service
down. Times are measured here."""

import json
import signal
import sys
import unittest

from harness import Lab, OrdersTest, until

# The service on 8080 and its candidate on 9090 in one process, so that one can hurt the other.
#   lock MS: shadows hold for so long what the service's requests need, too; first come, first served.
#   harm MS: the service is so much slower while shadows come.
#   store MS: PUT keeps a value; the candidate's shows only after so long.
TWIN = r"""
import http.server, socketserver, sys, threading, time
mode, ms = sys.argv[1], float(sys.argv[2]) / 1000
lock, last_turn, last_shadow, values = threading.Lock(), None, 0, ({}, {})
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self):
        global last_shadow, last_turn
        shadow = self.server.server_address[1] == 9090
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        out = b"{}"
        if mode == "lock":
            turn = threading.Event()
            with lock: before, last_turn = last_turn, turn
            if before: before.wait()
            time.sleep(ms if shadow else 0.001)
            turn.set()
        elif mode == "harm":
            if shadow: last_shadow = time.monotonic()
            elif time.monotonic() - last_shadow < 0.03: time.sleep(0.03 + ms)
            else: time.sleep(0.03)
        else:
            kept = values[shadow]
            if self.command == "PUT":
                if shadow: time.sleep(ms)
                kept[self.path] = body
            out = kept.get(self.path, b"none")
        self.send_response_only(200)
        self.send_header("Content-Length", str(len(out)))
        self.end_headers()
        self.wfile.write(out)
    do_GET = do_PUT = answer
    def log_message(self, *_): pass
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    request_queue_size = 100
    disable_nagle_algorithm = True
Handler.wbufsize = -1
servers = [Server(("0.0.0.0", port), Handler) for port in (8080, 9090)]
for server in servers: threading.Thread(target=server.serve_forever).start()
"""

# One writes, another reads what the first had been told is written.
WRITE_THEN_READ = r"""
import http.client, sys
writer, reader = (http.client.HTTPConnection(sys.argv[1], 8080) for _ in range(2))
for i in range(int(sys.argv[2])):
    for connection, method in ((writer, "PUT"), (reader, "GET")):
        connection.request(method, f"/key/{i}", b"value" if method == "PUT" else None)
        connection.getresponse().read()
"""


class HarmTest(OrdersTest):
    def twin(self, mode, milliseconds):
        twin = self.service.start(sys.executable, self.script("twin.py", TWIN), mode, milliseconds)
        until(lambda: self.service.listens(9090) and self.service.listens(8080), "the service")
        return twin

    def traffic(self, *args):
        return json.loads(self.client.run(*self.TRAFFIC, *args, timeout=120).stdout)

    def test_a_read_after_a_write_is_clean_under_happens_before_only(self):
        self.twin("store", "30")
        script = self.script("write_then_read.py", WRITE_THEN_READ)
        mismatches = {}
        for order in ("none", "happens-before"):
            agent = self.agent(
                '{ url: "http://127.0.0.1:9090" }',
                f"    order: {order}\n    order_wait: 10s\n    guard: off\n"
                "    select: { methods: [GET, PUT] }\n    impact: { enabled: false }", name=order)
            self.client.run(sys.executable, script, Lab.SERVICE, "40", timeout=60)
            ledger = agent.settled(80)
            self.assertEqual(ledger["compared"], 80, ledger)
            (service,) = agent.get("/api/v1/status")["services"]
            self.assertEqual(service["order"], order)
            mismatches[order] = agent.outcomes().get("mismatch", 0)
            self.assertEqual(agent.stop(), 0)
        self.assertGreater(mismatches["none"], 10)
        self.assertEqual(mismatches["happens-before"], 0)

    def test_the_guard_lets_a_service_recover_that_its_shadows_slow_down(self):
        self.twin("lock", "25")
        agent = self.agent('{ url: "http://127.0.0.1:9090", concurrency: 4 }',
                           "    order: none\n    impact: { enabled: false }",
                           top="capture: { shards: 3 }")
        self.assertEqual(agent.get("/api/v1/status")["shards"], 3)
        self.assertEqual(agent.call("POST", "/pause")[0], 200)
        alone = self.traffic("4", "3", "15", "GET")
        self.assertEqual(agent.call("POST", "/resume")[0], 200)
        hurt = self.traffic("4", "2", "15", "GET")
        self.assertGreater(hurt["p90"], 2 * alone["p90"], "shadows do hurt it")

        # The guard tries a little again after each rest: a window may fall into that.
        def recovers():
            later = self.traffic("4", "2", "15", "GET")
            lowered = agent.get("/api/v1/status")["services"][0]["effective_sample"] <= 7
            return lowered and later["p90"] < hurt["p90"] / 2

        until(recovers, "the rate falls and the service recovers", 60)
        self.assertGreater(agent.ledger()["skipped"]["guard"], 0)
        agent.settled(1)

    def test_impact_finds_five_planted_milliseconds_and_none_where_there_is_none(self):
        for harm, verdict in (("0", "none"), ("5", "harm")):
            twin = self.twin("harm", harm)
            agent = self.agent(
                '{ url: "http://127.0.0.1:9090" }',
                "    order: none\n    guard: off\n"
                "    impact: { period: 600ms, window: 250ms, delay: 0s }", name=f"impact{harm}")

            def decided():
                self.traffic("8", "3", "2", "GET")
                impact = agent.get("/api/v1/impact")
                return impact if impact["verdict"] != "unknown" else None

            try:
                impact = until(decided, f"verdict {verdict}", 60)
            except AssertionError as error:
                raise AssertionError(f"{error}: {agent.get('/api/v1/impact')}")
            self.assertEqual(impact["verdict"], verdict, impact)
            self.assertGreater(impact["exchanges"]["with"], 100)
            self.assertGreater(impact["exchanges"]["without"], 50)
            self.assertGreater(impact["cost"]["cpu_cores"], 0)
            self.assertGreater(impact["cost"]["rss_bytes"], 1 << 20)
            if verdict == "harm":
                self.assertGreater(impact["original_p50_ms"]["with"],
                                   impact["original_p50_ms"]["without"] + 2)
            agent.stop()
            twin.stop(signal.SIGKILL)


if __name__ == "__main__":
    unittest.main()
