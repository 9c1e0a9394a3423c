"""What loads the host or concerns the whole of it: large bodies, an agent killed under load,
the kernel's own counting. Nothing else may run beside it."""

import json
import pathlib
import re
import shutil
import signal
import unittest

from harness import Agent, Lab, LabTest, until

SAME = """location = /same { return 200 '{"a":1}'; }"""
CANDIDATE = ("--candidate", f"http://{Lab.TARGET}:8080")


class LoadTest(LabTest):
    def agent(self, *args):
        # The guard may hold shadows back on a busy host; here every exchange is counted.
        return Agent(self.service, ["--port", 8080, "--guard", "off", *args]).ready()

    def download(self, rate, *paths):  # one connection
        urls = [f"http://{Lab.SERVICE}:8080{path}" for path in paths]
        self.client.run("curl", "-sS", "--max-time", "50", "--limit-rate", rate, *urls)

    def test_large_bodies_cross_veth_with_gso_whole(self):
        service = self.service.nginx(8080, "", "service")
        candidate = self.target.nginx(8080, "", "candidate")
        sizes = {"medium": 65536, "large": 1 << 20, "larger": 3 << 20, "cut": 12 << 20}
        period = bytes((i * 31 + i // 251) % 251 for i in range(251 * 251))
        for name, size in sizes.items():
            (service.directory / name).write_bytes((period * (size // len(period) + 1))[:size])
        changed = bytearray((service.directory / "medium").read_bytes())
        (service.directory / "changed").write_bytes(changed)
        for name in (*sizes, "changed"):  # with its time of change: nginx sends it
            shutil.copy2(service.directory / name, candidate.directory / name)
        changed[40000] ^= 1
        (candidate.directory / "changed").write_bytes(changed)
        # Room for the longest three: a machine that is busy elsewhere must not lose a byte of them.
        ring = self.script("ring.yaml", "capture: { ring: 64MiB }\n")
        agent = self.agent("--config", ring, *CANDIDATE,
                           "--ignore", "headers.last-modified", "--ignore", "headers.etag")
        for path in ("/medium", "/large", "/larger", "/cut", "/changed"):
            self.download("50M", *[path] * 3)
        ledger = agent.settled(15)
        self.assertEqual(ledger["compared"], 15, agent.coverage())
        rows = {row["route"]: row["outcomes"] for row in agent.get("/api/v1/endpoints")["endpoints"]}
        for path in ("/medium", "/large", "/larger", "/cut"):  # the last is beyond what is kept
            self.assertEqual({"match": 3}, {k: n for k, n in rows[path].items() if n}, path)
        (row, *_) = agent.get("/api/v1/diffs?limit=10")["diffs"]
        self.assertEqual(("byte 40000", "binary"), (row["differences"][0]["path"], row["differences"][0]["kind"]))

    def test_a_long_download_that_nobody_compares_is_hardly_copied(self):
        service = self.service.nginx(8080, SAME, "service")
        (service.directory / "long").write_bytes(b"x" * (40 << 20))
        agent = self.agent()
        self.download("15M", "/long", "/same")
        ledger = agent.settled(2)
        self.assertEqual(ledger["skipped"], {"no_candidate": 2})
        capture = agent.coverage()["capture"]
        self.assertEqual(sum(capture["lost"].values()), 0, capture)
        links = json.loads(self.service.run("ip", "-j", "-s", "link").stdout)
        sent = sum(link["stats64"]["tx"]["packets"] for link in links if link["ifname"] != "lo")
        self.assertLess(capture["matched"], sent / 2, "copied although only its length counts")

    def test_the_kernels_own_time_is_shown_where_it_is_counted(self):
        setting = pathlib.Path("/proc/sys/kernel/bpf_stats_enabled")
        self.addCleanup(setting.write_text, setting.read_text())
        setting.write_text("1")
        self.service.nginx(8080, SAME, "service")
        agent = self.agent()
        self.get(5, "/same")
        agent.settled(5)
        self.assertGreater(agent.get("/api/v1/impact")["cost"]["bpf_ns_per_packet"], 0)

    def test_the_agent_is_killed_under_load_and_every_request_succeeds(self):
        self.service.nginx(8080, SAME, "service")
        self.target.nginx(8080, SAME, "candidate")

        def programs():  # on the whole host: another agent's are none of ours
            listed = json.loads(self.service.run("bpftool", "-j", "prog", "list").stdout)
            return {program["id"] for program in listed if "shadowtap" in program.get("name", "")}

        others = programs()
        agent = self.agent(*CANDIDATE)
        ours = programs() - others
        self.assertTrue(ours)
        load = self.client.start("wrk", "-t1", "-c16", "-d3s", f"http://{Lab.SERVICE}:8080/same", name="wrk")
        until(lambda: agent.ledger()["captured"] > 200, "load is captured")
        agent.process.process.send_signal(signal.SIGKILL)
        self.assertEqual(agent.process.process.wait(10), -signal.SIGKILL)
        until(lambda: not ours & programs(), "the kernel lets go of the programs")
        self.assertEqual(load.process.wait(20), 0)
        self.assertNotRegex(load.output(), r"Non-2xx|Socket errors")
        self.assertGreater(int(re.search(r"(\d+) requests in", load.output())[1]), 500)
        again = self.agent(*CANDIDATE)  # nothing of the dead one is in the way
        self.get(5, "/same")
        self.assertGreaterEqual(again.settled(5)["compared"], 5)


if __name__ == "__main__":
    unittest.main()
