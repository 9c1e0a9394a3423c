"""Changing a running agent: rules, sampling and targets over REST, the file by SIGHUP."""

import signal
import subprocess
import time
import unittest

from harness import BINARY, Agent, Lab, counted, until

SAME = "location / { return 200 '{\"a\":1}'; }"
OTHER = "location / { return 200 '{\"a\":2}'; }"


class RuntimeTest(unittest.TestCase):
    def setUp(self):
        self.lab = Lab().__enter__()
        self.addCleanup(self.lab.__exit__)
        self.service, self.target = self.lab.service, self.lab.target
        self.original = self.service.nginx(8080, SAME, "service")
        self.data = self.lab.directory / "data"
        self.data.mkdir()
        self.config = self.lab.directory / "shadowtap.yaml"
        self.write_config(sample=100)

    def write_config(self, sample=100, of_agent="", of_service="", of_candidate=""):
        self.config.write_text(f"""
data_dir: {self.data}
{of_agent}
services:
  - name: orders
    ports: [8080]
    targets:
      candidate: {{ url: "http://{Lab.TARGET}:8080"{of_candidate} }}
    select: {{ sample: {sample} }}
    {of_service}
""")

    def agent(self, name="agent"):
        return Agent(self.service, ["--config", self.config], name).ready()

    def get(self, count=10):
        urls = [f"http://{Lab.SERVICE}:8080/x"] * count
        self.lab.client.run("curl", "-sS", "--max-time", "20", *urls)

    def hup(self, agent, **config):
        self.write_config(**config)
        agent.process.process.send_signal(signal.SIGHUP)

    def one_more(self, agent):
        self.get(1)
        return agent.settled(1)

    def test_rules_put_over_rest_hold_at_once_and_after_a_restart(self):
        self.target.nginx(8080, OTHER, "candidate")
        agent = self.agent()
        self.get(5)
        agent.settled(5)
        self.assertEqual(agent.outcomes(), {"mismatch": 5})
        rule = {"path": "$.a", "reason": "counts up by design", "expires": "2099-01-01T00:00:00Z"}
        status, answer = agent.call("PUT", "/services/orders/rules", {"ignore": [rule]})
        self.assertEqual(status, 200, answer)
        self.get(5)
        agent.settled(10)
        self.assertEqual(agent.outcomes(), {"ignored": 10})  # earlier ones follow today's rules
        agent.stop()
        again = self.agent("again")
        status, rules = again.call("GET", "/services/orders/rules")
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
            status, problem = agent.call("PUT", "/services/orders/rules", body)
            self.assertEqual(status, 422, problem)
        self.get(2)
        agent.settled(2)
        self.assertEqual(agent.outcomes(), {"mismatch": 2})

    def test_a_target_is_added_replaced_and_removed_while_it_runs(self):
        log = self.target.nginx(8080, OTHER, "candidate").log
        mirror = self.target.nginx(8081, SAME, "mirror")
        agent = self.agent()
        status, answer = agent.call("PUT", "/services/orders/targets/mirror?name=extra",
                                    {"url": f"http://{Lab.TARGET}:8081"})
        self.assertEqual(status, 200, answer)
        self.get(5)
        until(lambda: mirror.log().count("GET /x") == 5, "the mirror gets what the candidate gets")
        before = counted("GET /x", 5, log)
        status, answer = agent.call("DELETE", "/services/orders/targets/candidate")
        self.assertIn(status, (200, 204), answer)
        self.get(5)
        until(lambda: agent.ledger()["skipped"].get("no_candidate") == 5, "no candidate any more")
        self.assertEqual(log().count("GET /x"), before)

    def test_sighup_reads_the_file_again_and_a_wrong_file_changes_nothing(self):
        self.target.nginx(8080, SAME, "candidate")
        agent = self.agent()
        self.write_config(sample=0)
        agent.process.process.send_signal(signal.SIGHUP)
        until(lambda: agent.call("GET", "/services/orders/sampling")[1].get("sample") == 0, "the new file holds")
        self.get(5)
        self.assertEqual(agent.settled(5)["skipped"], {"sampled": 5})
        self.config.write_text("services: [{ nmae: x }]\n")
        agent.process.process.send_signal(signal.SIGHUP)
        until(lambda: "shadowtap_config_reload_success 0" in agent.text("/metrics"), "the metric says so")
        self.get(2)
        self.assertEqual(agent.settled(7)["skipped"], {"sampled": 7})

    def test_limits_and_expiry_of_the_file_hold_at_once_and_the_rest_is_named(self):
        self.target.nginx(8080, SAME, "candidate")
        agent = self.agent()
        self.assertEqual(self.one_more(agent)["refused"], {})
        self.hup(agent, of_agent="limits: { rate: 0.001/s }", of_service="max_routes: 7")
        until(lambda: self.one_more(agent)["refused"].get("rate"), "the new rate holds")
        until(lambda: "services.orders.max_routes has changed and will hold from the next start"
              in agent.process.errors(), "what needs a restart is named")
        self.assertNotIn("limits", agent.process.errors())
        compared = agent.ledger()["compared"]
        self.hup(agent)
        until(lambda: self.one_more(agent)["compared"] > compared, "and the old one again")
        expired = lambda: agent.get("/api/v1/status")["services"][0]["sending_expired"]
        self.hup(agent, of_service="expires: 1ms")
        until(expired, "sending has ended")
        until(lambda: self.one_more(agent)["skipped"].get("paused"), "nothing is sent")
        compared = agent.ledger()["compared"]
        self.hup(agent, of_service="expires: 1h")
        until(lambda: not expired(), "sending goes on")
        until(lambda: self.one_more(agent)["compared"] > compared, "and is compared")
        self.assertIn("shadowtap_config_reload_success 1", agent.text("/metrics"))

    def test_how_requests_are_sent_changes_while_it_runs_and_is_kept(self):
        heads = self.lab.directory / "heads"
        self.target.nginx(8080, SAME, "candidate", http=f"log_format trace '$http_traceparent'; access_log {heads} trace;")
        agent = self.agent()
        trace = "00-11111111111111111111111111111111-2222222222222222-01"

        def arrives(agent):  # of the trace, at the candidate
            before, ledger = len(heads.read_text()), agent.ledger()
            self.lab.client.run("curl", "-sS", "-H", f"traceparent: {trace}", f"http://{Lab.SERVICE}:8080/x")
            if agent.settled(ledger["captured"] + 1)["compared"] > ledger["compared"]:
                until(lambda: len(heads.read_text()) > before, "it is logged")
            return heads.read_text()[before:]

        self.assertIn("-00", arrives(agent))
        status, holds = agent.call("PUT", "/services/orders/sending", {"trace": "keep", "order": "none"})
        self.assertEqual((status, holds["trace"], holds["order"]), (200, "keep", "none"))
        self.assertIn(trace, arrives(agent))
        self.assertEqual(agent.get("/api/v1/status")["services"][0]["order"], "none")
        for body in ({"middleware": "touch /tmp/x"}, {"order": "chaos"}):
            self.assertEqual(agent.call("PUT", "/services/orders/sending", body)[0], 422)
        agent.stop()
        again = self.agent("again")
        self.assertEqual(again.get("/api/v1/status")["sources"]["services.orders.trace"], "runtime")
        self.assertIn(trace, arrives(again))
        self.hup(again, of_service="trace: drop\n    middleware: cat")
        until(lambda: arrives(again) == "-\n", "the file's later word holds, and what the program passes arrives")
        status = lambda: again.get("/api/v1/status")["services"][0].get("middleware", {})
        shards = again.get("/api/v1/status")["shards"]
        until(lambda: status().get("running") and status()["starts"] == shards, "the middleware runs")
        self.hup(again, of_service="trace: drop")
        until(lambda: not status(), "and is gone")
        self.assertEqual(arrives(again), "-\n")

    def test_a_target_that_has_expired_comes_back_only_by_an_edit_of_it(self):
        self.target.nginx(8080, SAME, "candidate")
        self.write_config(of_candidate=", expires: 1s")
        agent = self.agent()
        there = lambda: agent.call("GET", "/services/orders/targets/candidate")[0] == 200
        until(lambda: not there(), "the candidate has expired")
        self.hup(agent, sample=50, of_candidate=", expires: 1s")
        until(lambda: agent.call("GET", "/services/orders/sampling")[1]["sample"] == 50, "the file was read again")
        self.assertFalse(there())
        self.hup(agent, of_candidate=", expires: 1h")
        until(there, "the candidate is back")
        until(lambda: self.one_more(agent)["compared"], "and is asked")

    def test_without_a_token_no_call_has_the_agent_read_files_for_it(self):
        agent = self.agent()
        elsewhere = f"http://{Lab.TARGET}:8081"
        for body in ({"url": elsewhere, "headers": {"from_file": {"X-Key": "/etc/shadow"}}},
                     {"url": elsewhere, "headers": {"from_environment": {"X-Key": "PATH"}}},
                     {"url": "unix:/run/docker.sock"}):
            status, problem = agent.call("PUT", "/services/orders/targets/mirror", body)
            self.assertEqual(status, 403, problem)
            self.assertIn("set api.token_file or api.unix_socket", problem["detail"])
        roles = lambda: [t["role"] for t in agent.get("/api/v1/status")["services"][0]["targets"]]
        until(lambda: roles() == ["candidate"], "nothing was added")

    def test_what_the_start_would_refuse_is_a_configuration_error(self):
        many = "services:\n" + "".join(f"- {{ name: s{n}, ports: [{n}] }}\n" for n in range(1, 66))
        one = "services:\n- { name: a, ports: [8080] }\n"
        for text, place in ((one + "capture: { ring: 64KiB }\n", ":3:18: ring: "),
                            (one + "listen: host.name:9900\n", ":3:9: listen: "),
                            (one + "metrics_listen: node-1:9901\n", ":3:17: metrics_listen: "),
                            (many, ":66:3: services: ")):
            self.config.write_text(text)
            for more in ([], ["--check-config"]):
                done = self.service.run(BINARY, "run", "--config", self.config, *more, check=False)
                self.assertEqual(done.returncode, 2, (text[:80], done.stderr))
                self.assertIn(place, done.stderr.decode())

    def test_detach_looks_into_the_namespace_it_is_told(self):
        def detach(*args):
            done = subprocess.run([BINARY, "detach", *args], capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stdout

        self.write_config(of_agent="capture: { force_clsact: true }")
        agent = self.agent()
        agent.process.stop(signal.SIGKILL)
        self.assertIn("would remove filter", detach("--netns", self.service.netns, "--dry-run"))
        process = str(self.original.pid)
        self.assertIn("removed filter", detach("--pid", process))
        self.assertEqual(detach("--netns", f"/run/netns/{self.service.netns}"),
                         f"nothing of ours is attached by clsact in /run/netns/{self.service.netns}\n")

    def test_a_rule_ends_at_its_time(self):
        self.target.nginx(8080, OTHER, "candidate")
        agent = self.agent()
        ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 4))
        self.assertEqual(agent.call("PUT", "/services/orders/rules", {"ignore": [{"path": "$.a", "expires": ends}]})[0], 200)
        self.get(3)
        self.assertEqual((agent.settled(3)["compared"], agent.outcomes()), (3, {"ignored": 3}))

        def over():
            self.get(1)
            agent.settled(1)
            return "mismatch" in agent.outcomes()

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
        sample = lambda: agent.call("GET", "/services/orders/sampling")[1]["sample"]
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
        self.assertEqual(agent.call("POST", "/pause")[0], 200)
        self.get(5)
        self.assertEqual(agent.settled(5)["skipped"], {"paused": 5})
        self.assertEqual(log(), "")
        self.assertEqual(agent.call("POST", "/resume")[0], 200)
        self.get(5)
        self.assertEqual(agent.settled(10)["compared"], 5)
        self.assertEqual(counted("GET /x", 5, log), 5)

    def test_a_kept_request_is_sent_again_and_compared_again(self):
        candidate = self.target.nginx(8080, OTHER, "candidate")
        agent = self.agent()
        self.get(1)
        agent.settled(1)
        (diff,) = agent.get("/api/v1/diffs")["diffs"]
        status, again = agent.call("POST", f"/diffs/{diff['id']}/replay")
        self.assertEqual(status, 200, again)
        self.assertEqual([d["path"] for d in again["differences"]], ["$.a"])
        self.assertEqual((again["id"], again["route"], again["outcome"]), (diff["id"], diff["route"], "mismatch"))
        self.assertEqual(counted("GET /x", 2, candidate.log), 2)
        self.assertEqual(agent.ledger()["captured"], 1)


if __name__ == "__main__":
    unittest.main()
