"""What was recorded on the wire is replayed to a candidate, and judged by its exit code."""

import json
import os
import re
import signal
import subprocess
import unittest

from harness import BINARY, Lab, until

SAME = "location / { return 200 '{\"a\":1}'; }"
OTHER = "location / { return 200 '{\"a\":2}'; }"


class ReplayTest(unittest.TestCase):
    def setUp(self):
        self.lab = Lab().__enter__()
        self.addCleanup(self.lab.__exit__)
        self.service, self.target, self.client = self.lab.service, self.lab.target, self.lab.client
        self.service.nginx(8080, SAME, "service")

    def record(self, count, *args, name="traffic.gor.gz", curl=()):
        path = self.lab.directory / name
        process = self.service.start(BINARY, "record", "--port", "8080", "--output", path, *args)
        until(lambda: "records to" in process.output(), f"the recorder: {process.errors()}")
        self.client.run("curl", "-sS", *curl, *[f"http://{Lab.SERVICE}:8080/item?token=s3cret&n={n}"
                                               for n in range(count)])
        process.stop(signal.SIGTERM)
        self.assertRegex(process.output(), f"{count} exchanges written, 0 of them without an answer")
        return path

    def listed(self, path):
        done = subprocess.run([BINARY, "replay", path, "--list", "--format", "json"],
                              capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def replay(self, path, *args):
        return self.service.run(BINARY, "replay", path, "--port", "8080", "--candidate",
                                f"http://{Lab.TARGET}:8080", *args, check=False)

    def test_a_recording_is_redacted_and_listed(self):
        path = self.record(5, curl=("-H", "Authorization: Bearer s3cret"))
        rows = self.listed(path)
        self.assertEqual([row["status"] for row in rows], [200] * 5)
        self.assertTrue(all(row["complete"] and row["response_body_bytes"] == 7 for row in rows))
        self.assertNotIn("s3cret", subprocess.run(["zcat", path], capture_output=True, text=True).stdout)

    def test_with_secrets_the_file_is_for_its_owner_only(self):
        path = self.record(2, "--with-secrets")
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        self.assertIn("token=s3cret", self.listed(path)[0]["uri"])

    def test_replay_finds_the_difference_and_fails(self):
        path = self.record(40, "--with-secrets")
        log = self.target.nginx(8080, OTHER, "candidate").log
        done = self.replay(path, "--report", "json")
        report = json.loads(done.stdout)
        (service,) = report["services"] if "services" in report else (report,)
        self.assertEqual(log().count("GET /item"), 40)
        self.assertEqual(done.returncode, 1, (done.stdout, done.stderr))
        self.assertIn("$.a", json.dumps(service))

    def test_replay_of_too_few_equal_answers_is_inconclusive(self):
        path = self.record(10, "--with-secrets")
        self.target.nginx(8080, SAME, "candidate")
        self.assertEqual(self.replay(path).returncode, 3)

    def test_a_recording_sends_nothing_unsafe_either(self):
        log = self.target.nginx(8080, SAME, "candidate").log
        requests = [
            "GET /safe HTTP/1.1\r\nHost: h\r\n\r\n",
            "POST /order HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
            "GET /item HTTP/1.1\r\nHost: h\r\nX-HTTP-Method-Override: DELETE\r\n\r\n",
            "GET /item?_method=DELETE HTTP/1.1\r\nHost: h\r\n\r\n",
            "GET /lo%2567out HTTP/1.1\r\nHost: h\r\n\r\n",
            "GET /logout HTTP/1.1\r\nHost: h\r\n\r\n",
            "GET /again HTTP/1.1\r\nHost: h\r\nX-Shadowtap: 1\r\n\r\n",
            "GET /a/../private HTTP/1.1\r\nHost: h\r\n\r\n",
            "GET /smuggled HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
            "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ]
        answer = 'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{"a":1}'
        records = []
        for i, request in enumerate(requests):
            for kind, message in ((1, request), (2, answer)):
                records.append(f"{kind} {i:024x} {1700000000000000000 + i} 1000000\n{message}")
        path = self.lab.directory / "hostile.gor"
        path.write_text("".join(r + "\n🐵🙈🙉\n" for r in records), newline="")
        done = self.replay(path, "--deny", "^/private", "--report", "json")
        self.assertEqual([line.split('"')[1] for line in log().splitlines()], ["GET /safe HTTP/1.1"],
                         done.stderr)

    def test_a_terminal_shows_how_far_it_is(self):
        self.target.nginx(8080, SAME, "candidate")
        answer = 'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{"a":1}'
        path = self.lab.directory / "paced.gor"
        with path.open("w", newline="") as file:
            for i in range(31):  # three seconds
                for kind, message in ((1, "GET /item HTTP/1.1\r\nHost: h\r\n\r\n"), (2, answer)):
                    file.write(f"{kind} {i:024x} {1700000000 * 10**9 + i * 10**8} 1000000\n{message}\n🐵🙈🙉\n")
        ours, terminal = os.openpty()
        process = subprocess.Popen(
            self.service.inside([BINARY, "replay", path, "--port", "8080", "--candidate",
                                 f"http://{Lab.TARGET}:8080", "--speed", "1"]),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=terminal)
        os.close(terminal)
        shown = b""
        try:
            while chunk := os.read(ours, 65536):
                shown += chunk
        except OSError:  # EIO: the other end is closed
            pass
        self.assertIn(process.wait(30), (1, 3))  # by its verdict
        os.close(ours)
        size = path.stat().st_size
        lines = re.findall(r"(\d+) of (\d+) bytes \((\d+) %\), (\d+) exchanges, about (\d+) s left", shown.decode())
        self.assertGreaterEqual(len(lines), 3, shown)
        read, exchanges, left = ([int(line[i]) for line in lines] for i in (0, 3, 4))
        self.assertTrue(all(int(line[1]) == size for line in lines), lines)
        self.assertEqual((read, exchanges), (sorted(read), sorted(exchanges)))
        self.assertLess(read[0], size, "it is not all read at once")
        self.assertGreater(left[0], 0)
        self.assertEqual((read[-1], exchanges[-1], left[-1]), (size, 31, 0), shown)

    def test_a_pace_is_kept_and_a_wrong_one_refused(self):
        path = self.record(3, "--with-secrets")
        self.target.nginx(8080, SAME, "candidate")
        self.assertEqual(self.replay(path, "--speed", "2").returncode, 3)
        self.assertEqual(self.replay(path, "--speed", "fast").returncode, 2)


if __name__ == "__main__":
    unittest.main()
