"""Targets put, withdrawn and forbidden while the agent runs, and a middleware that dies
before them."""

import json
import time
import unittest
from datetime import datetime

from harness import Agent, Lab, OrdersTest, until

SAME = "location / { return 200 '{\"a\":1}'; }"
OTHER = "location / { return 200 '{\"a\":2}'; }"


class RuntimeTargetsTest(OrdersTest):
    def test_targets_put_at_run_time_outlive_a_restart_and_expire(self):
        self.service.nginx(8080, SAME, "service")
        self.target.nginx(8080, SAME, "candidate")
        agent = self.agent(f'{{ url: "http://{Lab.TARGET}:8080" }}')
        for role, body in (("candidate", {"url": "http://10.77.2.2:8080", "concurrency": 3}),
                           ("secondary", {"url": "https://10.77.2.2:8443", "tls": {"insecure": True}}),
                           ("mirror?name=a", {"url": "http://10.77.2.2:8080"}),
                           ("mirror?name=b", {"url": "http://10.77.2.2:8080", "expires": "6s"})):
            status, answer = agent.call("PUT", f"/services/orders/targets/{role}", body)
            self.assertEqual(status, 200, answer)
        status, problem = agent.call("PUT", "/services/orders/targets/mirror?name=self",
                                     {"url": "http://127.0.0.1:8080"})
        self.assertEqual(status, 422, problem)
        self.assertIn("is the service itself", json.dumps(problem))
        self.assertTrue(until(lambda: agent.target(role="secondary"), "secondary")["insecure"])
        end = until(lambda: agent.target(name="b"), "the mirror that has not expired")["expires"]
        agent.stop()
        time.sleep(1)  # an end that the restart puts off is told from one that it keeps
        agent = Agent(self.service, ["--config", self.lab.directory / "agent.yaml"], "again").ready()

        def names():
            (service,) = agent.get("/api/v1/status")["services"]
            return sorted(t["name"] for t in service["targets"])

        mirror = agent.target(name="b")
        if mirror:  # else this machine was too busy to see it alive
            moved = datetime.fromisoformat(mirror["expires"]) - datetime.fromisoformat(end)
            self.assertLess(abs(moved.total_seconds()), 0.5, "its time went on over the restart")
        until(lambda: names() == ["a", "candidate", "secondary"], "the other one goes")
        self.assertEqual(agent.call("GET", "/services/orders/targets/candidate")[1]["concurrency"], 3)
        until(lambda: agent.call("GET", "/services/orders/targets/mirror?name=b")[0] == 404, "and is forgotten", 2)
        self.assertEqual(agent.call("DELETE", "/services/orders/targets/mirror?name=a")[0] // 100, 2)
        self.assertEqual(agent.call("DELETE", "/services/orders/targets/secondary")[0] // 100, 2)
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
            self.assertEqual(agent.call("PUT", "/services/orders/sampling", select)[0], 200)
            status, problem = agent.call("POST", f"/diffs/{diff['id']}/replay")
            self.assertGreaterEqual(status, 400, problem)
        self.assertEqual(log().count("GET /account/7"), 1)

    def test_a_middleware_that_dies_is_seen_and_counted_on_each_target(self):
        self.service.nginx(8080, SAME, "service")
        self.target.nginx(8080, SAME, "candidate")
        url = f"http://{Lab.TARGET}:8080"
        agent = self.agent(f'{{ url: "{url}" }}', '    middleware: "exit 1"',
                           top="capture: { shards: 2 }")
        status, answer = agent.call("PUT", "/services/orders/targets/mirror?name=copy", {"url": url})
        self.assertEqual(status, 200, answer)
        until(lambda: agent.target(name="copy"), "the mirror")
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


if __name__ == "__main__":
    unittest.main()
