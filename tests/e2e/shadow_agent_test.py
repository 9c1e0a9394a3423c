"""The real agent where sending goes wrong: names that change, addresses that swallow
everything, targets that die each second, shadows that hurt the service they copy."""

import json
import os
import pathlib
import signal
import sys
import time
import unittest
from datetime import datetime

from harness import BINARY, Agent, Lab, Process, until

SAME = "location / { return 200 '{\"a\":1}'; }"
OTHER = "location / { return 200 '{\"a\":2}'; }"
API = "http://127.0.0.1:9900/api/v1"
TRAFFIC = pathlib.Path(__file__).with_name("traffic.py")

# Answers A questions with the addresses in a file; "fail" is SERVFAIL.
DNS = r"""
import socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
while True:
    query, who = server.recvfrom(512)
    end = query.index(b"\0", 12) + 5
    words = open(sys.argv[1]).read().split()
    failing = words == ["fail"]
    addresses = words if not failing and query[end - 4:end - 2] == b"\0\1" else []
    head = query[:2] + (b"\x81\x82" if failing else b"\x81\x80") + b"\0\1"
    records = b"".join(b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4" + socket.inet_aton(a) for a in addresses)
    server.sendto(head + len(addresses).to_bytes(2, "big") + bytes(4) + query[12:end] + records, who)
"""

# The service on 8080 and its candidate on 9090 in one process, so that one can hurt the other.
#   lock MS: shadows hold the lock that the service's requests need, so long.
#   harm MS: the service is so much slower while shadows come.
#   store MS: PUT keeps a value; the candidate's shows only after so long.
TWIN = r"""
import http.server, socketserver, sys, threading, time
mode, ms = sys.argv[1], float(sys.argv[2]) / 1000
lock, last_shadow, values = threading.Lock(), 0, ({}, {})
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self):
        global last_shadow
        shadow = self.server.server_address[1] == 9090
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        out = b"{}"
        if mode == "lock":
            with lock: time.sleep(ms if shadow else 0.001)
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


class ShadowAgentTest(unittest.TestCase):
    def setUp(self):
        self.lab = Lab().__enter__()
        self.addCleanup(self.lab.__exit__)
        self.service, self.target, self.client = self.lab.service, self.lab.target, self.lab.client

    def agent(self, candidate, text="", name="agent", top="", prefix=()):
        """With `text` under the service's keys and `top` beside them."""
        data = self.lab.directory / f"data-{name}"
        data.mkdir(exist_ok=True)
        config = self.lab.directory / f"{name}.yaml"
        config.write_text(
            f"data_dir: {data}\n{top}\nservices:\n  - name: orders\n    ports: [8080]\n"
            f"    targets: {{ candidate: {candidate} }}\n{text}\n")
        return Agent(self.service, ["--config", config], name, prefix).ready()

    def call(self, method, path, body=None):
        args = ["-X", method, f"{API}{path}", "-w", "\n%{http_code}"]
        if body is not None:
            args += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
        text, _, status = self.service.curl(*args).rpartition("\n")
        return int(status), json.loads(text) if text.strip() else None

    def get(self, count, path="/x"):
        self.client.run("curl", "-sS", "--max-time", "20", *[f"http://{Lab.SERVICE}:8080{path}"] * count)

    def script(self, name, text):
        path = self.lab.directory / name
        path.write_text(text)
        return path

    def traffic(self, *args):
        done = self.client.run(sys.executable, TRAFFIC, Lab.SERVICE, "8080", *args, timeout=120)
        return json.loads(done.stdout)

    def outcomes(self, agent):
        rows = agent.get("/api/v1/endpoints")["endpoints"]
        sums = {}
        for row in rows:
            for outcome, n in row["outcomes"].items():
                sums[outcome] = sums.get(outcome, 0) + n
        return sums

    def target_status(self, agent, role):
        (service,) = agent.get("/api/v1/status")["services"]
        return next((t for t in service["targets"] if t["role"] == role), None)

    def target_named(self, agent, name):
        (service,) = agent.get("/api/v1/status")["services"]
        return next((t for t in service["targets"] if t["name"] == name), None)

    # ---- names and addresses ------------------------------------------------------------

    def with_dns(self, addresses):
        """A name server of the test's on lo; returns the answers' file and how to see it."""
        answers = self.script("answers", addresses)
        self.service.start(sys.executable, self.script("dns.py", DNS), answers)
        until(lambda: self.service.run("ss", "-Hlun", "sport = :53").stdout, "the name server")
        resolv = self.script("resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        mounts = f'mount --bind {resolv} /etc/resolv.conf && exec "$0" "$@"'
        return answers, ("unshare", "-m", "sh", "-c", mounts)

    def add_target_address(self, address):
        (device,) = [w for w in self.target.run("ip", "-o", "addr", "show", "to", Lab.TARGET)
                     .stdout.decode().split() if w.startswith("v" + self.lab.tag)][:1]
        self.target.run("ip", "addr", "add", f"{address}/24", "dev", device)

    def black_hole(self, address):
        """Frames to it go to nobody: no answer, no refusal."""
        words = self.service.run("ip", "-o", "route", "get", Lab.TARGET).stdout.decode().split()
        device = words[words.index("dev") + 1]
        self.service.run("ip", "neigh", "replace", address, "lladdr", "02:00:00:00:00:99",
                         "dev", device, "nud", "permanent")

    def test_all_addresses_of_a_name_are_used_and_changes_are_followed(self):
        self.add_target_address("10.77.2.3")
        self.service.nginx(8080, SAME, "service")
        logs = [self.target.nginx(8080, SAME, f"candidate{n}", listen=(f"10.77.2.{n}:",)).log
                for n in (2, 3)]
        answers, prefix = self.with_dns("10.77.2.2 10.77.2.3")
        agent = self.agent('{ url: "http://candidate.test:8080", resolve_interval: 200ms }',
                           prefix=prefix)
        for _ in range(3):
            self.get(20)
        self.assertEqual(agent.settled(60)["compared"], 60, agent.coverage())
        counts = [log().count("GET /x") for log in logs]
        self.assertEqual(sum(counts), 60)
        self.assertGreater(min(counts), 10, counts)

        def moved():  # the old address gets nothing more
            before = logs[0]().count("GET /x")
            captured = agent.ledger()["captured"]
            self.get(4)
            agent.settled(captured + 4)
            return logs[0]().count("GET /x") == before

        answers.write_text("10.77.2.3")
        until(moved, "the new answer is followed")
        answers.write_text("fail")
        time.sleep(0.5)  # more than one failing look-up
        compared = agent.ledger()["compared"]
        captured = agent.ledger()["captured"]
        self.get(10)
        self.assertEqual(agent.settled(captured + 10)["compared"], compared + 10)

    def test_a_name_that_leads_to_the_service_itself_gets_nothing(self):
        log = self.service.nginx(8080, SAME, "service").log
        self.target.nginx(8080, SAME, "candidate")
        answers, prefix = self.with_dns(Lab.SERVICE)
        agent = self.agent('{ url: "http://candidate.test:8080", resolve_interval: 200ms }',
                           prefix=prefix)
        self.get(20)
        ledger = agent.settled(20)  # it is still captured
        self.assertEqual((ledger["captured"], sum(ledger["shadow_error"].values())), (20, 20), ledger)
        until(lambda: (self.target_status(agent, "candidate") or {}).get("own_address"), "it is told why")
        self.assertEqual(log().count("GET /x"), 20, "the service got its own clients' requests only")
        self.assertEqual(agent.process.errors().count("is the service itself"), 1, agent.process.errors())

        answers.write_text(Lab.TARGET)

        def compared():
            self.get(1)
            return agent.ledger()["compared"]

        until(compared, "what the name says now is followed")
        captured = agent.ledger()["captured"]
        self.get(10)
        self.assertEqual(agent.settled(captured + 10)["captured"], log().count("GET /x"))

    # Two sockets on one port: when the candidate's is gone the service's wildcard gets its connections.
    def test_the_service_is_not_asked_in_place_of_a_dead_candidate_beside_it(self):
        log = self.service.nginx(8080, SAME, "service", options="reuseport").log
        self.service.run("ip", "addr", "add", "127.0.0.2/8", "dev", "lo")
        beside = self.service.nginx(8080, OTHER, "candidate", listen=("127.0.0.2:",), options="reuseport")
        agent = self.agent('{ url: "http://127.0.0.2:8080", breaker: { consecutive_failures: 3 } }')
        self.get(20)
        self.assertEqual(agent.settled(20)["compared"], 20, agent.coverage())
        self.assertEqual(beside.log().count("GET /x"), 20)
        beside.stop()
        self.get(20)
        ledger = agent.settled(40)
        self.assertEqual(sum(ledger["shadow_error"].values()), 20, ledger)
        self.assertEqual(log().count("GET /x"), 40, "the service got its own clients' requests only")
        until(lambda: (self.target_status(agent, "candidate") or {}).get("own_address"), "it is told why")

    def test_an_address_of_a_name_that_swallows_everything_costs_no_exchange(self):
        self.black_hole("10.77.2.99")
        self.service.nginx(8080, SAME, "service")
        self.target.nginx(8080, SAME, "candidate")
        _, prefix = self.with_dns("10.77.2.99 10.77.2.2")
        agent = self.agent('{ url: "http://candidate.test:8080" }', prefix=prefix)
        for _ in range(3):
            self.get(20)
        self.assertEqual(agent.settled(60)["compared"], 60, agent.coverage())

    def test_a_black_holed_target_is_named_and_changes_nothing_for_the_others(self):
        self.black_hole("10.77.2.99")
        self.service.nginx(8080, SAME, "service")
        self.target.nginx(8080, SAME, "candidate")
        agent = self.agent(f'{{ url: "http://{Lab.TARGET}:8080" }}')
        status, answer = self.call("PUT", "/services/orders/targets/mirror?name=hole",
                                   {"url": "http://10.77.2.99:8080", "connect_timeout": "100ms",
                                    "breaker": {"consecutive_failures": 3}})
        self.assertEqual(status, 200, answer)
        for _ in range(4):
            self.get(50)
        self.assertEqual(agent.settled(200)["compared"], 200, agent.coverage())
        until(lambda: self.target_status(agent, "mirror")["state"] == "open", "the circuit opens")
        self.assertEqual(self.target_status(agent, "candidate")["state"], "up")
        self.assertEqual(sum(agent.coverage()["capture"]["lost"].values()), 0)
        status, answer = self.call("PUT", "/services/orders/targets/candidate",
                                   {"url": "http://10.77.2.99:8080", "connect_timeout": "100ms"})
        self.assertEqual(status, 200, answer)
        self.get(30)
        ledger = agent.settled(230)
        self.assertEqual(ledger["compared"], 200)
        self.assertEqual(sum(ledger["shadow_error"].values()), 30, ledger)
        self.assertGreater(ledger["shadow_error"].get("connect", 0), 0, ledger)

    def test_a_middleware_that_dies_is_seen_and_counted_on_each_target(self):
        self.service.nginx(8080, SAME, "service")
        self.target.nginx(8080, SAME, "candidate")
        url = f"http://{Lab.TARGET}:8080"
        agent = self.agent(f'{{ url: "{url}" }}', '    middleware: "exit 1"',
                           top="capture: { shards: 2 }")
        status, answer = self.call("PUT", "/services/orders/targets/mirror?name=copy", {"url": url})
        self.assertEqual(status, 200, answer)
        until(lambda: self.target_named(agent, "copy"), "the mirror")
        self.get(10)
        ledger = agent.settled(10)
        self.assertEqual(ledger["not_comparable"], {"middleware": 10}, ledger)

        def seen():
            (service,) = agent.get("/api/v1/status")["services"]
            middleware = service.get("middleware", {})
            over = middleware.get("dropped") == 10 and not middleware["running"]
            return service if over else None

        service = until(seen, "its death in the status")
        self.assertEqual({t["name"]: t["withdrawn"] for t in service["targets"]},
                         {"candidate": 10, "copy": 10})
        until(lambda: 'shadowtap_middleware_running{service="orders"} 0\n' in agent.text("/metrics"),
              "its death in the metrics")
        self.assertIn('shadowtap_middleware_exchanges_total{service="orders",reason="dropped"} 10\n',
                      agent.text("/metrics"))

    # ---- what an operator changes while it runs -----------------------------------------

    def test_targets_put_at_run_time_outlive_a_restart_and_expire(self):
        self.service.nginx(8080, SAME, "service")
        self.target.nginx(8080, SAME, "candidate")
        agent = self.agent(f'{{ url: "http://{Lab.TARGET}:8080" }}')
        for role, body in (("candidate", {"url": "http://10.77.2.2:8080", "concurrency": 3}),
                           ("secondary", {"url": "https://10.77.2.2:8443", "tls": {"insecure": True}}),
                           ("mirror?name=a", {"url": "http://10.77.2.2:8080"}),
                           ("mirror?name=b", {"url": "http://10.77.2.2:8080", "expires": "6s"})):
            status, answer = self.call("PUT", f"/services/orders/targets/{role}", body)
            self.assertEqual(status, 200, answer)
        status, problem = self.call("PUT", "/services/orders/targets/mirror?name=self",
                                    {"url": "http://127.0.0.1:8080"})
        self.assertEqual(status, 422, problem)
        self.assertIn("is the service itself", json.dumps(problem))
        self.assertTrue(until(lambda: self.target_status(agent, "secondary"), "secondary")["insecure"])
        end = until(lambda: self.target_named(agent, "b"), "the mirror that has not expired")["expires"]
        agent.stop()
        time.sleep(1)  # an end that the restart puts off is told from one that it keeps
        agent = Agent(self.service, ["--config", self.lab.directory / "agent.yaml"], "again").ready()

        def names():
            (service,) = agent.get("/api/v1/status")["services"]
            return sorted(t["name"] for t in service["targets"])

        mirror = self.target_named(agent, "b")
        if mirror:  # else this machine was too busy to see it alive
            moved = datetime.fromisoformat(mirror["expires"]) - datetime.fromisoformat(end)
            self.assertLess(abs(moved.total_seconds()), 0.5, "its time went on over the restart")
        until(lambda: names() == ["a", "candidate", "secondary"], "the other one goes")
        self.assertEqual(self.call("GET", "/services/orders/targets/candidate")[1]["concurrency"], 3)
        until(lambda: self.call("GET", "/services/orders/targets/mirror?name=b")[0] == 404, "and is forgotten", 2)
        self.assertEqual(self.call("DELETE", "/services/orders/targets/mirror?name=a")[0] // 100, 2)
        self.assertEqual(self.call("DELETE", "/services/orders/targets/secondary")[0] // 100, 2)
        agent.stop()
        agent = Agent(self.service, ["--config", self.lab.directory / "agent.yaml"], "third").ready()
        until(lambda: names() == ["candidate"], "what was removed stays removed")

    def test_a_kept_request_is_not_sent_again_once_a_rule_forbids_it(self):
        self.service.nginx(8080, SAME, "service")
        log = self.target.nginx(8080, OTHER, "candidate").log
        agent = self.agent(f'{{ url: "http://{Lab.TARGET}:8080" }}')
        self.get(1, "/account/7")
        agent.settled(1)
        (diff,) = agent.get("/api/v1/diffs")["diffs"]
        for select in ({"deny": ["^/account"]}, {"methods": ["HEAD"]},
                       {"headers": [{"name": "User-Agent", "pattern": "curl", "deny": True}]}):
            self.assertEqual(self.call("PUT", "/services/orders/sampling", select)[0], 200)
            status, problem = self.call("POST", f"/diffs/{diff['id']}/replay")
            self.assertGreaterEqual(status, 400, problem)
        self.assertEqual(log().count("GET /account/7"), 1)

    # ---- a target that dies -------------------------------------------------------------

    def test_ten_thousand_exchanges_while_the_candidate_is_killed_each_second(self):
        logged = 'log_format ids "$request_method $http_x_shadowtap";'
        self.service.nginx(8080, SAME, "service")
        ids = self.lab.directory / "ids.log"
        server = self.target.nginx(8080, f"access_log {ids} ids; {SAME}", "candidate", http=logged)
        agent = self.agent(
            f'{{ url: "http://{Lab.TARGET}:8080", breaker: {{ open_for: 200ms }} }}',
            "    select: { methods: [GET, HEAD, POST] }\n    guard: off\n    order: none\n"
            "    impact: { enabled: false }")
        self.get(100)
        agent.settled(100)
        pid = agent.process.pid
        descriptors = len(os.listdir(f"/proc/{pid}/fd"))
        traffic = self.client.start(sys.executable, TRAFFIC, Lab.SERVICE, "8080", "8", "10000x", "4",
                                    "GET", "POST", "HEAD", "GET")
        deaths = 0
        while traffic.process.poll() is None:
            time.sleep(0.7)
            server.stop(signal.SIGKILL)
            deaths += 1
            agent.ledger()  # adds up at this moment too
            time.sleep(0.3)
            server = Process(server.argv, self.lab.directory, f"candidate-{deaths}")
            self.lab.processes.append(server)
        self.assertEqual(json.loads(traffic.output())["failed"], 0)
        ledger = agent.settled(10100)
        self.assertEqual(ledger["captured"], 10100)
        self.assertGreater(deaths, 2)
        self.assertGreater(ledger["compared"], 2000, ledger)
        self.assertGreater(sum(ledger["shadow_error"].values()), 0, ledger)
        posts = [line for line in ids.read_text().splitlines() if line.startswith("POST")]
        self.assertEqual(len(posts), len(set(posts)), "a POST was sent twice")
        self.assertLess(len(os.listdir(f"/proc/{pid}/fd")), descriptors + 80)

    # ---- order, guard, impact -----------------------------------------------------------

    def test_a_read_after_a_write_is_clean_under_happens_before_only(self):
        self.service.start(sys.executable, self.script("twin.py", TWIN), "store", "30")
        until(lambda: self.service.listens(9090) and self.service.listens(8080), "the service")
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
            mismatches[order] = self.outcomes(agent).get("mismatch", 0)
            self.assertEqual(agent.stop(), 0)
        self.assertGreater(mismatches["none"], 10)
        self.assertEqual(mismatches["happens-before"], 0)

    def test_the_guard_lets_a_service_recover_that_its_shadows_slow_down(self):
        self.service.start(sys.executable, self.script("twin.py", TWIN), "lock", "25")
        until(lambda: self.service.listens(9090) and self.service.listens(8080), "the service")
        agent = self.agent('{ url: "http://127.0.0.1:9090", concurrency: 4 }',
                           "    order: none\n    impact: { enabled: false }",
                           top="capture: { shards: 3 }")
        self.assertEqual(agent.get("/api/v1/status")["shards"], 3)
        self.assertEqual(self.call("POST", "/pause")[0], 200)
        alone = self.traffic("4", "3", "15", "GET")
        self.assertEqual(self.call("POST", "/resume")[0], 200)
        hurt = self.traffic("4", "2", "15", "GET")
        self.assertGreater(hurt["p90"], 2 * alone["p90"], "shadows do hurt it")

        def lowered():
            self.traffic("4", "1", "15", "GET")
            return agent.get("/api/v1/status")["services"][0]["effective_sample"] <= 7

        until(lowered, "the rate falls", 60)
        later = self.traffic("4", "2", "15", "GET")
        self.assertLess(later["p90"], hurt["p90"] / 2, (alone, hurt, later))
        self.assertGreater(agent.ledger()["skipped"]["guard"], 0)
        agent.settled(1)

    def test_impact_finds_five_planted_milliseconds_and_none_where_there_is_none(self):
        for harm, verdict in (("0", "none"), ("5", "harm")):
            twin = self.service.start(sys.executable, self.script("twin.py", TWIN), "harm", harm)
            until(lambda: self.service.listens(9090) and self.service.listens(8080), "the service")
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
