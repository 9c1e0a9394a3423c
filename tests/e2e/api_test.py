"""The REST contract against the real agent: every call, field, parameter, error and limit
by the names that users rely on."""

import json
import re
import socket
import time
import unittest
import urllib.parse

import jsonschema

from harness import BINARY, Agent, Lab, Process, check_ledger, require, until
from rest import Rest, receive_all, status_of

SERVICE = """
location ~ ^/price/ { return 200 '{"price":10,"name":"x"}'; }
location / { return 200 '{"a":1}'; }
"""
CANDIDATE = SERVICE.replace('"price":10', '"price":11')
API = "/api/v1"
ORDERS = f"{API}/services/orders"
KEPT = "2099-01-01T00:00:00Z"

# The fields that INTERFACES section 4 names, by call.
FIELDS = {
    "/status": {"version", "uptime_seconds", "services", "coverage"},
    "/coverage": {"services", "capture"},
    "/endpoints": {"endpoints", "next"},
    "/diffs": {"diffs", "next"},
    "/verdict": {"verdict", "reasons", "needs", "compared", "alpha", "since"},
    "/impact": {"original_p50_ms", "original_p99_ms", "error_share", "interval", "verdict", "cost"},
}
METRICS = {
    "shadowtap_packets_total": {"service", "direction"},
    "shadowtap_packets_lost_total": {"service", "reason"},
    "shadowtap_connections": {"service", "state"},
    "shadowtap_exchanges_total": {"service"},
    "shadowtap_in_flight": {"service"},
    "shadowtap_skipped_total": {"service", "reason"},
    "shadowtap_refused_total": {"service", "reason"},
    "shadowtap_shadow_errors_total": {"service", "reason"},
    "shadowtap_not_comparable_total": {"service", "reason"},
    "shadowtap_shadow_requests_total": {"service", "role", "result"},
    "shadowtap_comparisons_total": {"service", "route", "outcome"},
    "shadowtap_response_seconds_bucket": {"service", "route", "source", "le"},
    "shadowtap_target_up": {"service", "role"},
    "shadowtap_verdict": {"service", "verdict"},
    "shadowtap_paused": {"service"},
    "shadowtap_ring_fill_ratio": {"ring"},
    "shadowtap_config_reload_success": set(),
    "shadowtap_build_info": {"version"},
    "process_cpu_seconds_total": set(),
    "process_resident_memory_bytes": set(),
    "process_start_time_seconds": set(),
    "process_open_fds": set(),
}


class ApiTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab().__enter__()
        cls.addClassCleanup(cls.lab.__exit__)
        cls.lab.service.nginx(8080, SERVICE, "service")
        cls.lab.target.nginx(8080, CANDIDATE, "candidate")
        cls.lab.target.nginx(8081, SERVICE, "secondary")
        config = cls.lab.directory / "shadowtap.yaml"
        config.write_text(f"""
metrics_listen: 127.0.0.1:9901
services:
  - name: orders
    ports: [8080]
    guard: off
    targets:
      candidate: {{ url: "http://{Lab.TARGET}:8080" }}
      secondary: {{ url: "http://{Lab.TARGET}:8081" }}
""")
        cls.agent = Agent(cls.lab.service, ["--config", config, "--sample", "100"]).ready()
        cls.rest = Rest(cls.lab.service)
        cls.late = cls.rest.connect(30)  # half a request, looked at much later
        cls.late.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Sl")
        cls.get("/price/[1-40]")
        cls.get("/same?i=[1-20]")
        cls.agent.settled(60)
        cls.document = cls.rest.get(f"{API}/openapi.json").json

    @classmethod
    def get(cls, path):
        cls.lab.client.run("curl", "-sS", "--max-time", "20", "-o", "/dev/null",
                           f"http://{Lab.SERVICE}:8080{path}", timeout=40)

    def problem(self, answer, status, says=""):
        self.assertEqual(answer.status, status, answer.body)
        self.assertEqual(answer.type, "application/problem+json")
        body = answer.json
        self.assertEqual(body["status"], status)
        self.assertTrue({"type", "title", "detail"} <= set(body), body)
        self.assertIn(says, body["detail"])
        return body

    # ---- what is there

    def test_every_call_answers_in_its_documented_shape(self):
        self.assertEqual(self.document["openapi"][:3], "3.1")
        diff = self.rest.get(f"{API}/diffs?limit=1").json["diffs"][0]["id"]
        endpoint = self.rest.get(f"{API}/endpoints?limit=1").json["endpoints"][0]["id"]
        for path, operations in self.document["paths"].items():
            for method in operations:
                if (method, path) == ("delete", f"{API}/results") or path.endswith("/events"):
                    continue  # have tests of their own
                concrete = path.replace("{name}", "orders").replace("{role}", "secondary")
                concrete = concrete.replace("/diffs/{id}", f"/diffs/{diff}").replace("{id}", endpoint)
                body = {"url": f"http://{Lab.TARGET}:8081"} if "/targets/" in path else {}
                with self.subTest(f"{method} {concrete}"):
                    self.check_shape(method, path, concrete, body if method == "put" else None)
        self.rest.call("PUT", f"{ORDERS}/targets/secondary", {"url": f"http://{Lab.TARGET}:8081"})
        self.rest.call("POST", f"{API}/resume")

    def check_shape(self, method, path, concrete, body):
        answer = self.rest.call(method.upper(), concrete, body)
        responses = self.document["paths"][path][method]["responses"]
        self.assertIn(str(answer.status), responses, answer.body)
        content = responses[str(answer.status)].get("content", {})
        if not answer.body:
            return self.assertEqual(content, {})
        self.assertIn(answer.type, content)
        if answer.type.endswith("json") and "schema" in content[answer.type]:
            schema = dict(content[answer.type]["schema"], components=self.document["components"])
            jsonschema.Draft202012Validator(schema).validate(answer.json)

    def test_answers_have_the_fields_of_the_contract(self):
        for path, fields in FIELDS.items():
            self.assertLessEqual(fields, set(self.rest.get(API + path).json), path)
        status = self.rest.get(f"{API}/status").json
        (service,) = status["services"]
        self.assertLessEqual({"name", "ports", "attachments", "targets"}, set(service))
        self.assertEqual({a["mechanism"] for a in service["attachments"]} - {"tcx", "clsact"}, set())
        self.assertLessEqual({"interface", "direction", "mechanism"}, set(service["attachments"][0]))
        self.assertEqual([(t["role"], t["state"]) for t in service["targets"]],
                         [("candidate", "up"), ("secondary", "up")])
        row = next(e for e in self.rest.get(f"{API}/endpoints").json["endpoints"] if "price" in e["route"])
        self.assertLessEqual({"id", "exchanges", "compared", "outcomes", "mismatch_ratio", "latency_ms"}, set(row))
        for side in ("original", "candidate"):
            self.assertEqual(set(row["latency_ms"][side]), {"p50", "p90", "p99"})
        (field,) = self.rest.get(f"{API}/endpoints/{row['id']}/fields").json["fields"]
        self.assertEqual((field["path"], field["kinds"], field["verdict"]),
                         ("$.price", {"value": field["raw"]}, "regression"))
        self.assertLessEqual({"raw", "noise", "total", "explain"}, set(field))
        diff = self.rest.get(f"{API}/diffs?limit=1").json["diffs"][0]
        self.assertLessEqual({"id", "time", "service", "method", "uri", "route", "outcome", "differences"}, set(diff))
        self.assertEqual(diff["differences"], [{"path": "$.price", "kind": "value", "original": "10", "candidate": "11"}])
        detail = self.rest.get(f"{API}/diffs/{diff['id']}").json
        self.assertLessEqual({"request", "original", "candidate", "secondary", "differences", "timings"}, set(detail))
        self.assertLessEqual({"status", "headers", "body"}, set(detail["secondary"]))
        impact = self.rest.get(f"{API}/impact").json
        self.assertIn(impact["verdict"], ("none", "harm", "unknown"))
        self.assertEqual(set(impact["cost"]), {"cpu_cores", "rss_bytes", "ring_bytes", "bpf_ns_per_packet"})

    def test_status_says_where_a_setting_comes_from(self):
        def sources():
            (service,) = self.rest.get(f"{API}/status").json["services"]
            return (service["targets"][0]["source"], service["sampling"]["source"], service["rules"]["source"])

        self.assertEqual(sources()[0], "file")
        rule = {"ignore": [{"path": "$.none", "reason": "a test's", "expires": KEPT}]}
        self.assertEqual(self.rest.call("PUT", f"{ORDERS}/rules", rule).status, 200)
        self.assertEqual(sources()[2], "runtime")
        (kept,) = self.rest.get(f"{ORDERS}/rules").json["ignore"]
        self.assertLessEqual(rule["ignore"][0].items(), kept.items())

    def test_coverage_adds_up_at_every_look(self):
        for _ in range(20):
            (service,) = self.rest.get(f"{API}/coverage").json["services"]
            self.assertEqual(set(service), {"name", "captured", "compared", "skipped", "refused",
                                            "shadow_error", "not_comparable", "in_flight"})
            check_ledger(service)

    def test_metrics_have_the_names_and_labels_of_the_contract(self):
        page = self.rest.get("/metrics")
        self.assertEqual(page.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
        for name, labels in METRICS.items():
            line = re.search(rf"^{name}(?:{{(.*)}})? [0-9.e+-]+$", page.text, re.M)
            self.assertTrue(line, name)
            self.assertEqual(set(re.findall(r'(\w+)="', line[1] or "")), labels, name)
        self.assertNotIn("/price/1", page.text)
        require(self.lab.service.run("sh", "-c", "command -v promtool", check=False).returncode == 0, "promtool")
        checked = self.lab.service.run("promtool", "check", "metrics", input=page.body)
        self.assertEqual(checked.stdout + checked.stderr, b"")

    def test_the_metrics_listener_serves_three_paths_and_no_more(self):
        metrics = Rest(self.lab.service, ("127.0.0.1", 9901))
        for path in ("/metrics", "/healthz", "/readyz"):
            self.assertEqual(metrics.get(path).status, 200)
        for path in ("/", f"{API}/status", f"{API}/diffs", "/web/page.js", f"{API}/openapi.json"):
            self.problem(metrics.get(path), 404)
        self.problem(metrics.call("POST", f"{API}/pause"), 404)

    # ---- lists

    def test_limits_go_from_1_to_1000(self):
        for path in (f"{API}/diffs", f"{API}/endpoints"):
            self.assertEqual(self.rest.get(f"{path}?limit=1000").status, 200)
            self.assertEqual(len(next(iter(self.rest.get(f"{path}?limit=1").json.values()))), 1)
            for wrong in ("0", "1001", "-1", "1e3", "", "%31%00", "99999999999999999999"):
                self.problem(self.rest.get(f"{path}?limit={wrong}"), 400, "from 1 to 1000")

    def test_a_cursor_holds_its_place_while_rows_are_added(self):
        for path, name in ((f"{API}/diffs", "diffs"), (f"{API}/endpoints", "endpoints")):
            before = [row["id"] for row in self.rest.get(f"{path}?limit=1000").json[name]]
            seen, cursor = [], ""
            while True:
                page = self.rest.get(f"{path}?limit=2{cursor and '&cursor=' + cursor}").json
                seen += [row["id"] for row in page[name]]
                if page["next"] is None:
                    break
                cursor = urllib.parse.quote(page["next"], safe="")
                if len(seen) < 4:
                    self.get(f"/price/1/{name}{len(seen)}")  # another route: pushes no sample out
            self.assertEqual(len(seen), len(set(seen)))
            self.assertLessEqual(set(before) - set(seen), set(), name)

    def test_since_is_a_time_or_a_duration(self):
        count = lambda since: len(self.rest.get(f"{API}/diffs?limit=1000&since={since}").json["diffs"])
        self.assertGreater(count("1h"), 0)
        self.assertEqual(count("2099-01-01T00:00:00Z"), 0)
        self.assertEqual(count("1h"), count("2001-01-01T00:00:00%2B02:00"))
        for wrong in ("yesterday", "2026-02-30T00:00:00Z", "-1h", "1.5h", "9999999999999h"):
            answer = self.rest.get(f"{API}/diffs?since={wrong}")
            if answer.status != 200:
                self.problem(answer, 400, "since")

    def test_diffs_can_be_chosen(self):
        rows = lambda query: self.rest.get(f"{API}/diffs?{query}").json["diffs"]
        endpoint = next(e for e in self.rest.get(f"{API}/endpoints").json["endpoints"] if e["route"].startswith("/price"))
        for query, some in (("service=orders", True), (f"endpoint={endpoint['id']}", True), ("path=$.price", True),
                            ("path=$.name", False), ("kind=value", True), ("kind=status", False),
                            ("outcome=mismatch", True), ("outcome=error", False)):
            self.assertEqual(bool(rows(query)), some, query)
        times = [row["time"] for row in rows("limit=1000")]
        self.assertEqual(times, sorted(times, reverse=True))

    # ---- HTTP

    def test_head_is_get_without_the_body(self):
        for path in ("/", "/healthz", "/metrics", f"{API}/openapi.json", f"{API}/diffs", f"{API}/events", f"{API}/none"):
            head, get_status = self.rest.call("HEAD", path), 200 if not path.endswith("none") else 404
            self.assertEqual((head.status, head.body), (get_status, b""), path)
        length = int(self.rest.call("HEAD", f"{API}/openapi.json").headers["Content-Length"])
        self.assertEqual(length, len(self.rest.get(f"{API}/openapi.json").body))

    def test_an_entity_tag_saves_the_body_and_guards_a_change(self):
        tag = self.rest.get(f"{ORDERS}/sampling").headers["ETag"]
        again = self.rest.get(f"{ORDERS}/sampling", If_None_Match=tag)
        self.assertEqual((again.status, again.body), (304, b""))
        self.problem(self.rest.call("PUT", f"{ORDERS}/sampling", {"sample": 100}, If_Match='"old"'), 412)

    def test_every_error_is_a_problem_document(self):
        call = self.rest.call
        self.problem(self.rest.get(f"{API}/statsu"), 404, "did you mean '/api/v1/status'")
        self.problem(self.rest.get(f"{API}/diffs/0"), 404)
        self.problem(self.rest.get(f"{API}/endpoints/0/fields"), 404)
        self.problem(self.rest.get(f"{API}/services/order/rules"), 404, "did you mean 'orders'")
        answer = call("DELETE", f"{API}/status")
        self.problem(answer, 405, "GET")
        self.assertEqual(answer.headers["Allow"], "GET, HEAD")
        self.assertEqual(call("PATCH", f"{ORDERS}/targets/candidate", {}).headers["Allow"], "GET, HEAD, PUT, DELETE")
        self.problem(self.rest.get(f"{API}/status", Accept="text/html"), 406, "application/json")
        self.problem(self.rest.get(f"{API}/status?verbose=1"), 400, "unknown query parameter")
        self.problem(call("PUT", f"{ORDERS}/rules", "{}", Content_Type="text/plain"), 415)
        self.problem(call("PUT", f"{ORDERS}/rules", "{", Content_Type="application/json"), 400)
        self.problem(call("PUT", f"{ORDERS}/rules", {"ignroe": []}), 422, "did you mean 'ignore'")
        self.problem(call("PUT", f"{ORDERS}/targets/candidate", {"url": "gopher://x"}), 422)
        self.problem(call("POST", f"{API}/diffs/0/replay"), 404)
        self.problem(call("PUT", f"{ORDERS}/rules", "x" * (2 << 20), Content_Type="application/json"), 413)
        self.problem(self.rest.get("/" + "a" * 20000), 414)
        self.problem(self.rest.get("/", X="a" * 20000), 431)
        self.problem(self.rest.get(f"{API}/status", Host="rebound.example"), 421)
        self.problem(self.rest.get(f"{API}/status", Origin="http://elsewhere.example"), 403)

    def test_a_request_that_does_not_come_gets_408(self):
        answer = receive_all(self.late)
        self.assertEqual(status_of(answer), 408, answer)
        self.assertIn(b"application/problem+json", answer)

    # ---- events

    def events(self, opened, wanted, seconds=10):
        """Names of events and their data until all `wanted` came."""
        got, seen, end = b"", {}, time.monotonic() + seconds
        while not wanted <= set(seen) and time.monotonic() < end:
            got += opened.recv(65536)
            for name, data in re.findall(rb"event: (\w+)\ndata: (.*)\n\n", got):
                seen.setdefault(name.decode(), json.loads(data))
        return seen

    def test_events_tell_of_comparisons_targets_and_coverage(self):
        with self.rest.connect() as opened:
            opened.sendall(b"GET /api/v1/events?service=orders HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")
            self.events(opened, {"target", "coverage"})
            self.get(f"/fresh{time.time_ns()}/price/7")
            self.get("/price/[200-209]")
            seen = self.events(opened, {"comparison", "coverage"})
        self.assertLessEqual({"id", "outcome", "differences"}, set(seen["comparison"]))
        self.assertLessEqual({"services", "capture"}, set(seen["coverage"]))

    def test_readers_that_do_not_read_are_bounded_and_harm_nobody(self):
        readers = [self.rest.connect() for _ in range(20)]
        for reader in readers:
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            reader.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        refused = sum(status_of(reader.recv(200)) == 503 for reader in readers)
        before = self.rest.get(f"{API}/impact").json["cost"]["rss_bytes"]
        for _ in range(4):
            self.get("/price/[300-340]")
            self.assertEqual(self.rest.get("/healthz").status, 200)
        after = self.rest.get(f"{API}/impact").json["cost"]["rss_bytes"]
        for reader in readers:
            reader.close()
        self.assertGreaterEqual(refused, 4)  # 16 readers are served, others of this test class may be
        self.assertLess(after - before, 32 << 20)

    # ---- last, by name

    def test_zz_results_are_forgotten_and_counters_are_not(self):
        until(lambda: self.agent.ledger()["in_flight"] == 0, "nothing in flight")
        counters = lambda: {line.split(" ")[0]: float(line.split(" ")[1])
                            for line in self.rest.get("/metrics").text.splitlines()
                            if re.match(r"shadowtap_\w+_(total|count|sum|bucket)[{ ]", line)}
        before = counters()
        self.assertEqual(self.rest.call("DELETE", f"{API}/results?service=orders").status, 204)
        self.assertEqual(self.rest.get(f"{API}/endpoints").json, {"endpoints": [], "next": None})
        self.assertEqual(self.rest.get(f"{API}/diffs").json["diffs"], [])
        after = counters()
        self.assertEqual([name for name in before if after.get(name, 0) < before[name]], [])
        self.problem(self.rest.call("DELETE", f"{API}/results?service=other"), 404)


class ListenerTest(unittest.TestCase):
    def setUp(self):
        self.lab = Lab().__enter__()
        self.addCleanup(self.lab.__exit__)
        self.host = self.lab.service
        self.token = self.lab.directory / "token"
        self.token.write_text("0123456789abcdef\n")

    def run_agent(self, *args):
        return Process(self.host.inside([BINARY, "run", "--port", "8080", *args]), self.lab.directory, "agent")

    def serve(self, address, *args):
        process = self.run_agent(*args)
        self.lab.processes.append(process)
        rest = Rest(self.host, address)

        def answers():
            self.assertIsNone(process.process.poll(), process.errors())
            try:
                return rest.get("/healthz").status == 200
            except OSError:
                return False

        until(answers, "the listener")
        return rest

    def test_a_public_address_without_a_token_is_refused_with_the_advice(self):
        for address in ("0.0.0.0:9900", "[::]:9900", f"{Lab.SERVICE}:9900", ":9900"):
            process = self.run_agent("--listen", address)
            self.assertEqual(process.process.wait(30), 2, address)
            self.assertIn("--api-token-file", process.errors())
            self.assertEqual(len(process.errors().strip().splitlines()), 1, process.errors())

    def test_with_a_token_file_a_public_address_asks_for_it(self):
        rest = self.serve((Lab.SERVICE, 9900), "--listen", f"{Lab.SERVICE}:9900", "--api-token-file", self.token)
        self.assertEqual(rest.get("/").status, 200)
        refused = rest.get(f"{API}/status", Authorization="Bearer 0123456789abcdeF")
        self.assertEqual((refused.status, refused.type), (401, "application/problem+json"))
        self.assertIn("Bearer", refused.headers["WWW-Authenticate"])
        self.assertEqual(rest.get(f"{API}/status", Authorization="Bearer 0123456789abcdef").status, 200)

    def test_a_unix_socket_needs_none(self):
        path = self.lab.directory / "api.sock"
        rest = self.serve(path, "--listen", f"unix:{path}")
        self.assertEqual(rest.get(f"{API}/status").status, 200)
        self.assertEqual(path.stat().st_mode & 0o777, 0o660)
        out = self.host.run(BINARY, "pause", "--api", f"unix:{path}").stdout
        self.assertIn(b"default: paused", out)


if __name__ == "__main__":
    unittest.main()
