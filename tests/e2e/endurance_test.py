"""Ten thousand exchanges while the candidate dies again and again: each is accounted for."""

import json
import os
import signal
import time
import unittest

from harness import Lab, OrdersTest, Process

SAME = "location / { return 200 '{\"a\":1}'; }"


class EnduranceTest(OrdersTest):
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
        traffic = self.client.start(*self.TRAFFIC, "8", "10000x", "4", "GET", "POST", "HEAD", "GET")
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


if __name__ == "__main__":
    unittest.main()
