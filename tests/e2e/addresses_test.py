"""Where a target's name and address lead: names that change, addresses that swallow
everything, and those of the service itself."""

import sys
import time
import unittest

from harness import Lab, OrdersTest, counted, until

SAME = "location / { return 200 '{\"a\":1}'; }"
OTHER = "location / { return 200 '{\"a\":2}'; }"

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


class AddressesTest(OrdersTest):
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
        both = lambda: logs[0]() + logs[1]()
        self.assertEqual(counted("GET /x", 60, both), 60)
        counts = [log().count("GET /x") for log in logs]
        self.assertGreater(min(counts), 10, counts)

        def moved():  # the old address gets nothing more
            before = logs[0]().count("GET /x")
            captured = agent.ledger()["captured"]
            self.get(4)
            counted("GET /x", agent.settled(captured + 4)["compared"], both)
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
        agent = self.agent('{ url: "http://candidate.test:8080", resolve_interval: 200ms, '
                           'breaker: { open_for: 200ms } }', prefix=prefix)
        self.get(20)
        ledger = agent.settled(20)  # it is still captured
        self.assertEqual((ledger["captured"], sum(ledger["shadow_error"].values())), (20, 20), ledger)
        until(lambda: (agent.target(role="candidate") or {}).get("own_address"), "it is told why")
        self.assertEqual(counted("GET /x", 20, log), 20, "the service got its own clients' requests only")
        self.assertEqual(agent.process.errors().count("is the service itself"), 1, agent.process.errors())

        answers.write_text(Lab.TARGET)

        def compared():
            captured = agent.ledger()["captured"]
            self.get(1)
            return agent.settled(captured + 1)["compared"]

        until(compared, "what the name says now is followed")
        captured = agent.ledger()["captured"]
        self.get(10)
        self.assertEqual(agent.settled(captured + 10)["captured"], counted("GET /x", captured + 10, log))

    # Two sockets on one port: when the candidate's is gone the service's wildcard gets its connections.
    def test_the_service_is_not_asked_in_place_of_a_dead_candidate_beside_it(self):
        log = self.service.nginx(8080, SAME, "service", options="reuseport").log
        self.service.run("ip", "addr", "add", "127.0.0.2/8", "dev", "lo")
        beside = self.service.nginx(8080, OTHER, "candidate", listen=("127.0.0.2:",), options="reuseport")
        agent = self.agent('{ url: "http://127.0.0.2:8080", breaker: { consecutive_failures: 3 } }')
        self.get(20)
        self.assertEqual(agent.settled(20)["compared"], 20, agent.coverage())
        self.assertEqual(counted("GET /x", 20, beside.log), 20)
        beside.stop()
        self.get(20)
        ledger = agent.settled(40)
        self.assertEqual(sum(ledger["shadow_error"].values()), 20, ledger)
        self.assertEqual(counted("GET /x", 40, log), 40, "the service got its own clients' requests only")
        until(lambda: (agent.target(role="candidate") or {}).get("own_address"), "it is told why")

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
        status, answer = agent.call("PUT", "/services/orders/targets/mirror?name=hole",
                                    {"url": "http://10.77.2.99:8080", "connect_timeout": "100ms",
                                     "breaker": {"consecutive_failures": 3}})
        self.assertEqual(status, 200, answer)
        for _ in range(4):
            self.get(50)
        self.assertEqual(agent.settled(200)["compared"], 200, agent.coverage())
        until(lambda: agent.target(role="mirror")["state"] == "open", "the circuit opens")
        self.assertEqual(agent.target(role="candidate")["state"], "up")
        self.assertEqual(sum(agent.coverage()["capture"]["lost"].values()), 0)
        status, answer = agent.call("PUT", "/services/orders/targets/candidate",
                                    {"url": "http://10.77.2.99:8080", "connect_timeout": "100ms"})
        self.assertEqual(status, 200, answer)
        self.get(30)
        ledger = agent.settled(230)
        self.assertEqual(ledger["compared"], 200)
        self.assertEqual(sum(ledger["shadow_error"].values()), 30, ledger)
        self.assertGreater(ledger["shadow_error"].get("connect", 0), 0, ledger)


if __name__ == "__main__":
    unittest.main()
