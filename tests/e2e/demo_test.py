"""`shadowtap demo` as a newcomer runs it: the planted is found, the noise is silent."""

import json
import subprocess
import unittest
import urllib.request

from harness import BINARY, require, until

import os


class DemoTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        require(os.geteuid() == 0, "root")
        cls.process = subprocess.Popen([BINARY, "demo", "--for", "20s", "--listen", "127.0.0.1:0"],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        lines = []
        api = None
        while api is None:
            line = cls.process.stdout.readline()
            if not line:
                raise AssertionError(f"the demo ended: {lines} {cls.process.stderr.read()}")
            lines.append(line)
            if line.startswith("API: "):
                api = line.split()[1]

        def answered(path):
            with urllib.request.urlopen(api + path, timeout=10) as answer:
                return json.load(answer)

        until(lambda: answered("/api/v1/verdict")["compared"] > 100, "comparisons while it runs", 20)
        cls.coverage = answered("/api/v1/coverage")
        cls.endpoints = answered("/api/v1/endpoints")["endpoints"]
        cls.output, cls.errors = cls.process.communicate(timeout=60)

    @classmethod
    def tearDownClass(cls):
        if cls.process.poll() is None:
            cls.process.kill()
            cls.process.wait()

    def findings(self):
        return [line for line in self.output.splitlines() if line.startswith(("  regression", "  slower", "  errors"))]

    def test_it_ends_with_zero_after_its_time(self):
        self.assertEqual(self.process.returncode, 0, self.errors)

    def test_every_planted_difference_stands_in_the_table(self):
        table = "\n".join(self.findings())
        for route, path in (("/products/{id}", "$.price (value)"), ("/users/{id}", "$.email (missing)"),
                            ("/search", "$.tags (order)"), ("/invoices/{id}", "status"),
                            ("/stats", "slower")):
            self.assertTrue(any(route in line and path in line for line in self.findings()), (route, path, table))

    def test_no_planted_noise_stands_in_the_table(self):
        for line in self.findings():
            self.assertNotIn("meta", line)
            self.assertNotIn("/orders", line)
            self.assertNotIn("/health", line)

    def test_nothing_is_lost_and_the_ledger_adds_up(self):
        capture = self.coverage["capture"]
        self.assertEqual(capture["matched"], capture["delivered"] + sum(capture["lost"].values()), capture)
        self.assertEqual(sum(capture["lost"].values()), 0, capture)
        (service,) = self.coverage["services"]
        self.assertEqual({}, service["refused"], service)
        methods = {row["method"] for row in self.endpoints}
        self.assertTrue({"GET", "HEAD", "POST"} <= methods, methods)


if __name__ == "__main__":
    unittest.main()
