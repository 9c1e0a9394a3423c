"""`shadowtap run` between real servers: nginx serves, HAProxy is the candidate."""

import socket
import subprocess
import unittest

from harness import BINARY, Agent, Lab, LabTest, counted, until

SAME = """location = /same { return 200 '{"a":1}'; }"""
SERVICE = SAME + """
location = /price { return 200 '{"price":10,"name":"x"}'; }
location = /echo { return 200 '{"ok":true}'; }
"""
CANDIDATE = """
  http-request return status 200 content-type application/json lf-string '{"a":1}' if { path /same }
  http-request return status 200 content-type application/json lf-string '{"price":11,"name":"x"}' if { path /price }
  http-request return status 503 content-type application/json lf-string '{"error":1}'
"""


def outcomes(agent):
    rows = agent.get("/api/v1/endpoints")["endpoints"]
    return {row["route"]: {k: n for k, n in row["outcomes"].items() if n} for row in rows}


class RunTest(LabTest):
    def agent(self, *args, candidate=f"http://{Lab.TARGET}:8080"):
        targets = ["--candidate", candidate] if candidate else []
        # The guard may hold shadows back on a busy host; here every exchange is counted.
        return Agent(self.service, ["--port", 8080, "--guard", "off", *targets, *args]).ready()

    def get(self, path, count=1, host=Lab.SERVICE):
        urls = [f"http://{host}:8080{path}"] * count  # one connection, kept alive
        return self.client.run("curl", "-sS", "--max-time", "20", *urls)

    def test_keep_alive_requests_are_compared_and_a_difference_is_found(self):
        self.service.nginx(8080, SERVICE, "service")
        self.target.haproxy(8080, CANDIDATE, "candidate")
        agent = self.agent("--ignore", "headers.server")
        self.get("/same", 20)
        self.get("/price", 20)
        ledger = agent.settled(40)
        self.assertEqual(ledger["captured"], 40)
        self.assertEqual(ledger["compared"], 40)
        rows = agent.get("/api/v1/diffs?limit=1000")["diffs"]
        found = {(d["path"], d["original"], d["candidate"]) for row in rows for d in row["differences"]}
        self.assertIn(("$.price", "10", "11"), found)
        detail = agent.get(f"/api/v1/diffs/{rows[0]['id']}")
        self.assertIn("original", detail)

    def test_pipelined_requests_are_paired_in_order(self):
        self.service.nginx(8080, SERVICE, "service")
        self.target.nginx(8080, SERVICE, "candidate")
        agent = self.agent()
        one = "GET {} HTTP/1.1\r\nHost: x\r\n\r\n"
        pipelined = "".join(one.format(p) for p in ["/same", "/price", "/missing", "/same"] * 25)
        script = (
            "import socket,sys,time\n"
            f"s=socket.create_connection(('{Lab.SERVICE}',8080));s.sendall(sys.argv[1].encode())\n"
            "s.shutdown(socket.SHUT_WR)\n"
            "n=0\n"
            "while (d:=s.recv(65536)): n+=d.count(b'HTTP/1.1 ')\n"
            "print(n)"
        )
        out = self.client.run("python3", "-c", script, pipelined).stdout
        self.assertEqual(out.strip(), b"100")
        ledger = agent.settled(100)
        self.assertEqual(ledger["compared"], 100)
        self.assertEqual({"match": 50}, outcomes(agent)["/same"])

    def test_the_candidate_is_asked_twice_where_nothing_else_tells_noise(self):
        answer = """location / { default_type application/json; return 200 '{"n":"$request_id","price":%d}'; }"""
        self.service.nginx(8080, answer % 10, "service")
        candidate = self.target.nginx(8080, answer % 11, "candidate")
        config = self.lab.directory / "resend.yaml"
        config.write_text(f"""
services:
  - name: shop
    ports: [8080]
    guard: off
    targets: {{ candidate: {{ url: "http://{Lab.TARGET}:8080" }} }}
    noise: {{ resend: true }}
""")
        agent = Agent(self.service, ["--config", config]).ready()
        urls = [f"http://{Lab.SERVICE}:8080/item/{n}" for n in range(40)]  # no key twice: no other control
        self.client.run("curl", "-sS", "--max-time", "20", *urls)
        self.assertEqual(agent.settled(40)["compared"], 40)

        def repeats():
            counts = agent.ledger().get("repeats", {})
            return counts if sum(counts.values()) >= 40 else None

        counts = until(repeats, "every request repeated, or the reason why not")
        self.assertGreaterEqual(counts["answered"], 12, counts)
        asked = 40 + counts["answered"]
        self.assertEqual(counted("/item/", asked, candidate.log), asked)

        def fields():
            (row,) = agent.get("/api/v1/endpoints")["endpoints"]
            return {f["path"]: f for f in agent.get(f"/api/v1/endpoints/{row['id']}/fields")["fields"]}

        until(lambda: fields()["$.n"]["verdict"] == "noise", "the noise is told")
        self.assertIn("the candidate's second answer", fields()["$.n"]["explain"])
        self.assertNotEqual(fields()["$.price"]["verdict"], "noise")
        self.assertEqual(fields()["$.price"]["raw"], 40)

    def test_ipv6_is_captured_and_sent(self):
        self.service.nginx(8080, SERVICE, "service", listen=("", "[::]:"))
        self.target.nginx(8080, SERVICE, "candidate", listen=("", "[::]:"))
        agent = self.agent(candidate=f"http://[{Lab.TARGET6}]:8080")
        self.get("/same", 10, host=f"[{Lab.SERVICE6}]")
        ledger = agent.settled(10)
        self.assertEqual((ledger["captured"], ledger["compared"]), (10, 10))

    def test_a_dead_candidate_is_an_error_each_time_and_the_service_is_unaffected(self):
        self.service.nginx(8080, SERVICE, "service")
        agent = self.agent()
        done = self.get("/same", 30)
        self.assertEqual(done.stdout.count(b'{"a":1}'), 30)
        ledger = agent.settled(30)
        self.assertEqual(sum(ledger["shadow_error"].values()), 30, ledger)
        (endpoint,) = agent.get("/api/v1/endpoints")["endpoints"]
        self.assertEqual(endpoint["mismatch_ratio"], 1)

    def test_unsafe_methods_are_not_sent_unless_named(self):
        self.service.nginx(8080, SERVICE, "service")
        target = self.target.nginx(8080, SERVICE, "candidate")
        agent = self.agent()
        for _ in range(3):
            self.client.curl("-X", "POST", "-d", "x=1", f"http://{Lab.SERVICE}:8080/echo")
        self.assertEqual(agent.settled(3)["skipped"].get("method"), 3)
        agent.stop()
        self.assertEqual("", target.log())

    def test_without_a_target_it_observes_only(self):
        self.service.nginx(8080, SERVICE, "service")
        agent = self.agent(candidate=None)
        self.get("/same", 5)
        ledger = agent.settled(5)
        self.assertEqual(ledger["skipped"], {"no_candidate": 5})
        (endpoint,) = agent.get("/api/v1/endpoints")["endpoints"]
        self.assertGreater(endpoint["latency_ms"]["original"]["p50"], 0)

    def test_a_candidate_on_the_same_host_and_port_is_not_captured_again(self):
        self.service.run("ip", "addr", "add", "127.0.0.2/8", "dev", "lo")
        self.service.nginx(8080, SERVICE, "service", listen=("127.0.0.1:", f"{Lab.SERVICE}:"))
        candidate = self.service.nginx(8080, SERVICE, "candidate", listen=("127.0.0.2:",))
        agent = self.agent(candidate="http://127.0.0.2:8080")
        self.get("/same", 10)
        for _ in range(10):
            self.service.curl("http://127.0.0.1:8080/same")
        ledger = agent.settled(20)
        self.assertEqual((ledger["captured"], ledger["compared"]), (20, 20), agent.coverage())
        self.assertEqual(counted("GET /same", 20, candidate.log), 20)

    def test_junk_tls_http2_and_half_open_are_counted_and_harm_nothing(self):
        self.service.nginx(8080, SERVICE, "service")
        self.target.nginx(8080, SERVICE, "candidate")
        agent = self.agent()
        payloads = {
            "junk": b"\x00\x01\x02\x03" * 64 + b"\r\n\r\n",
            "tls": bytes.fromhex("16030100c8010000c40303") + bytes(200),
            "http2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
        }
        script = (
            "import socket,sys\n"
            f"s=socket.create_connection(('{Lab.SERVICE}',8080));s.settimeout(3)\n"
            "s.sendall(bytes.fromhex(sys.argv[1]));\n"
            "try:\n  s.recv(4096)\nexcept OSError: pass\n"
        )
        for payload in payloads.values():
            self.client.run("python3", "-c", script, payload.hex())
        half_open = self.client.start(
            "python3", "-c", f"import socket,time;s=socket.create_connection(('{Lab.SERVICE}',8080));time.sleep(30)")
        self.get("/same", 10)
        ledger = agent.settled(10)
        self.assertEqual(ledger["compared"], 10)
        reasons = agent.coverage()["capture"]["connections"]
        self.assertGreaterEqual(reasons.get("tls", 0), 1, reasons)
        self.assertGreaterEqual(reasons.get("not_http", 0), 1, reasons)
        self.assertIsNone(agent.process.process.poll())
        half_open.stop()

    def test_the_run_ends_by_itself_with_the_findings(self):
        self.service.nginx(8080, SERVICE, "service")
        self.target.haproxy(8080, CANDIDATE, "candidate")
        agent = self.agent("--for", "3s")
        self.get("/price", 60)
        agent.settled(60)
        self.assertEqual(agent.process.process.wait(20), 0)
        output = agent.process.output()
        self.assertRegex(output.splitlines()[0], r"GET.*HEAD.*OPTIONS.*10\.77\.2\.2:8080")
        self.assertIn("$.price", output)


class WrongUseTest(unittest.TestCase):
    def shadowtap(self, *args):
        return subprocess.run([BINARY, *args], capture_output=True, text=True, timeout=20)

    def test_wrong_flags_name_the_nearest_known_one(self):
        done = self.shadowtap("run", "--port", "8080", "--candidat", "http://127.0.0.1:1")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--candidate", done.stderr)

    def test_wrong_yaml_names_the_place_and_the_nearest_key(self):
        with open("/tmp/shadowtap-wrong.yaml", "w") as file:
            file.write("services:\n  - name: a\n    prots: [80]\n")
        done = self.shadowtap("run", "--config", "/tmp/shadowtap-wrong.yaml")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"shadowtap-wrong\.yaml:3:5.*ports")

    def test_a_taken_port_is_one_clear_line(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            done = self.shadowtap("run", "--port", "18080", "--listen", f"127.0.0.1:{port}")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
        self.assertIn(str(port), done.stderr)

    def test_no_such_interface_is_one_clear_line(self):
        done = self.shadowtap("run", "--port", "18080", "--interface", "nosuch0", "--listen", "127.0.0.1:0")
        self.assertEqual(done.returncode, 1)
        self.assertIn("nosuch0", done.stderr)

    def test_missing_privilege_is_one_clear_line(self):
        done = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", "--bounding-set=-all",
                               BINARY, "run", "--port", "18080", "--listen", "127.0.0.1:0"],
                              capture_output=True, text=True, timeout=20)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"CAP_BPF|root|privilege")

    def test_a_listener_for_the_world_needs_a_token(self):
        done = self.shadowtap("run", "--port", "18080", "--listen", "0.0.0.0:0")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--api-token-file", done.stderr)


if __name__ == "__main__":
    unittest.main()
