"""Changing a running agent: rules, sampling and targets over REST, the file by SIGHUP."""

import json
import signal
import time
import unittest

from harness import Agent, Lab, until

SAME = "location / { return 200 '{\"a\":1}'; }"
OTHER = "location / { return 200 '{\"a\":2}'; }"
API = "http://127.0.0.1:9900/api/v1"


class RuntimeTest(unittest.TestCase):
    def setUp(self):
        self.lab = Lab().__enter__()
        self.addCleanup(self.lab.__exit__)
        self.service, self.target = self.lab.service, self.lab.target
        self.service.nginx(8080, SAME, "service")
        self.data = self.lab.directory / "data"
        self.data.mkdir()
        self.config = self.lab.directory / "shadowtap.yaml"
        self.write_config(sample=100)

    def write_config(self, sample):
        self.config.write_text(f"""
data_dir: {self.data}
services:
  - name: orders
    ports: [8080]
    targets:
      candidate: {{ url: "http://{Lab.TARGET}:8080" }}
    select: {{ sample: {sample} }}
""")

    def agent(self, name="agent"):
        return Agent(self.service, ["--config", self.config], name).ready()

    def get(self, count=10):
        urls = [f"http://{Lab.SERVICE}:8080/x"] * count
        self.lab.client.run("curl", "-sS", "--max-time", "20", *urls)

    def call(self, method, path, body=None):
        args = ["-X", method, f"{API}{path}"]
        if body is not None:
            args += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
        text = self.service.curl("-w", "\n%{http_code}", *args)
        body, _, status = text.rpartition("\n")
        return int(status), json.loads(body) if body.strip() else None

    def outcomes(self, agent):
        rows = agent.get("/api/v1/endpoints")["endpoints"]
        return {k: n for row in rows for k, n in row["outcomes"].items() if n}

    def test_rules_put_over_rest_hold_at_once_and_after_a_restart(self):
        self.target.nginx(8080, OTHER, "candidate")
        agent = self.agent()
        self.get(5)
        agent.settled(5)
        self.assertEqual(self.outcomes(agent), {"mismatch": 5})
        rule = {"path": "$.a", "reason": "counts up by design", "expires": "2099-01-01T00:00:00Z"}
        status, answer = self.call("PUT", "/services/orders/rules", {"ignore": [rule]})
        self.assertEqual(status, 200, answer)
        self.get(5)
        agent.settled(10)
        self.assertEqual(self.outcomes(agent), {"ignored": 10})  # earlier ones follow today's rules
        agent.stop()
        again = self.agent("again")
        status, rules = self.call("GET", "/services/orders/rules")
        self.assertEqual(status, 200)
        self.assertLessEqual(rule.items(), rules["ignore"][0].items())
        (service,) = again.get("/api/v1/status")["services"]
        self.assertEqual(service["rules"], {"source": "runtime"})
        self.get(3)
        self.assertEqual(again.settled(3)["compared"], 3)

    def test_wrong_rules_are_refused_with_the_reason_and_change_nothing(self):
        self.target.nginx(8080, OTHER, "candidate")
        agent = self.agent()
        for body in ({"ignroe": []}, {"ignore": ["$["]}, {"tolerance": [{"path": "$.a", "absolute": "x"}]}):
            status, problem = self.call("PUT", "/services/orders/rules", body)
            self.assertEqual(status, 422, problem)
        self.get(2)
        agent.settled(2)
        self.assertEqual(self.outcomes(agent), {"mismatch": 2})

    def test_a_target_is_added_replaced_and_removed_while_it_runs(self):
        log = self.target.nginx(8080, OTHER, "candidate").log
        mirror = self.target.nginx(8081, SAME, "mirror")
        agent = self.agent()
        status, answer = self.call("PUT", "/services/orders/targets/mirror?name=extra",
                                   {"url": f"http://{Lab.TARGET}:8081"})
        self.assertEqual(status, 200, answer)
        self.get(5)
        until(lambda: mirror.log().count("GET /x") == 5, "the mirror gets what the candidate gets")
        status, answer = self.call("DELETE", "/services/orders/targets/candidate")
        self.assertIn(status, (200, 204), answer)
        before = log().count("GET /x")
        self.get(5)
        until(lambda: agent.ledger()["skipped"].get("no_candidate") == 5, "no candidate any more")
        self.assertEqual(log().count("GET /x"), before)

    def test_sighup_reads_the_file_again_and_a_wrong_file_changes_nothing(self):
        self.target.nginx(8080, SAME, "candidate")
        agent = self.agent()
        self.write_config(sample=0)
        agent.process.process.send_signal(signal.SIGHUP)
        until(lambda: self.call("GET", "/services/orders/sampling")[1].get("sample") == 0, "the new file holds")
        self.get(5)
        self.assertEqual(agent.settled(5)["skipped"], {"sampled": 5})
        self.config.write_text("services: [{ nmae: x }]\n")
        agent.process.process.send_signal(signal.SIGHUP)
        until(lambda: "shadowtap_config_reload_success 0" in agent.text("/metrics"), "the metric says so")
        self.get(2)
        self.assertEqual(agent.settled(7)["skipped"], {"sampled": 7})

    def test_a_rule_ends_at_its_time(self):
        self.target.nginx(8080, OTHER, "candidate")
        agent = self.agent()
        ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 4))
        self.assertEqual(self.call("PUT", "/services/orders/rules", {"ignore": [{"path": "$.a", "expires": ends}]})[0], 200)
        self.get(3)
        self.assertEqual((agent.settled(3)["compared"], self.outcomes(agent)), (3, {"ignored": 3}))

        def over():
            self.get(1)
            agent.settled(1)
            return "mismatch" in self.outcomes(agent)

        until(over, "the rule is over", 30)

    def test_a_config_map_is_swapped_under_the_agent(self):
        mounted = self.lab.directory / "mounted"

        def swap(name, sample):  # what the kubelet does: a new folder, one rename of a link
            (mounted / name).mkdir(parents=True)
            self.write_config(sample)
            (mounted / name / "config.yaml").write_text(self.config.read_text() if sample is not None else "services: 7\n")
            (mounted / "..new").symlink_to(name)
            (mounted / "..new").rename(mounted / "..data")

        swap("..1", 100)
        (mounted / "config.yaml").symlink_to("..data/config.yaml")
        self.target.nginx(8080, SAME, "candidate")
        agent = Agent(self.service, ["--config", mounted / "config.yaml"]).ready()
        sample = lambda: self.call("GET", "/services/orders/sampling")[1]["sample"]
        success = lambda n: f"shadowtap_config_reload_success {n}" in agent.text("/metrics")
        swap("..2", 25)
        until(lambda: sample() == 25, "the swapped file holds")
        swap("..3", None)
        until(lambda: success(0), "an invalid one is told")
        self.assertEqual(sample(), 25)
        swap("..4", 50)
        until(lambda: sample() == 50 and success(1), "and mended")

    def test_a_disk_that_cannot_be_used_is_a_state_and_shadowing_goes_on(self):
        self.target.nginx(8080, SAME, "candidate")

        def disk(options):
            self.lab.system("mount", "-t", "tmpfs", "-o", options, "tmpfs", self.data)
            self.addCleanup(self.lab.system, "umount", self.data)

        for name, spoil in (("corrupt", lambda: (self.data / "results.db").write_bytes(b"junk" * 2000)),
                            ("read-only", lambda: disk("ro")), ("full", lambda: disk("size=16k"))):
            spoil()
            agent = Agent(self.service, ["--config", self.config], name).ready()
            self.get(20)
            self.assertEqual(agent.settled(20)["compared"], 20)
            until(lambda: agent.get("/readyz")["state"] == "degraded", f"{name} is told")
            (reason,) = agent.get("/readyz")["reasons"]
            self.assertIn(str(self.data), reason)
            self.assertEqual(agent.stop(), 0)

    def test_pause_stops_sending_and_resume_goes_on(self):
        log = self.target.nginx(8080, SAME, "candidate").log
        agent = self.agent()
        self.assertEqual(self.call("POST", "/pause")[0], 200)
        self.get(5)
        self.assertEqual(agent.settled(5)["skipped"], {"paused": 5})
        self.assertEqual(log(), "")
        self.assertEqual(self.call("POST", "/resume")[0], 200)
        self.get(5)
        self.assertEqual(agent.settled(10)["compared"], 5)

    def test_a_kept_request_is_sent_again_and_compared_again(self):
        candidate = self.target.nginx(8080, OTHER, "candidate")
        agent = self.agent()
        self.get(1)
        agent.settled(1)
        (diff,) = agent.get("/api/v1/diffs")["diffs"]
        status, again = self.call("POST", f"/diffs/{diff['id']}/replay")
        self.assertEqual(status, 200, again)
        self.assertEqual([d["path"] for d in again["differences"]], ["$.a"])
        self.assertEqual((again["id"], again["route"], again["outcome"]), (diff["id"], diff["route"], "mismatch"))
        self.assertEqual(candidate.log().count("GET /x"), 2)
        self.assertEqual(agent.ledger()["captured"], 1)


if __name__ == "__main__":
    unittest.main()
