"""`shadowtap compare` over TLS, against openssl's own server with a certificate of ours."""

import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

from harness import BINARY, until


class CompareOverTlsTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="st-compare-")
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost"],
                       cwd=self.directory, check=True, capture_output=True)
        (self.directory / "old.txt").write_text("one\ntwo\n")
        (self.directory / "new.txt").write_text("one\nTWO\n")
        log = self.directory / "server.log"
        with log.open("wb") as out:
            self.server = subprocess.Popen(["openssl", "s_server", "-accept", "127.0.0.1:0", "-WWW",
                                            "-cert", "cert.pem", "-key", "key.pem"],
                                           cwd=self.directory, stdin=subprocess.PIPE, stdout=out,
                                           stderr=subprocess.STDOUT)
        self.addCleanup(self.server.stdin.close)
        self.addCleanup(self.server.wait)
        self.addCleanup(self.server.kill)
        self.port = until(lambda: re.search(r"ACCEPT .*:(\d+)", log.read_text()), "openssl listens")[1]

    def compare(self, left, right, trusted=True):
        environment = {**os.environ, "SSL_CERT_FILE": str(self.directory / "cert.pem") if trusted else "/dev/null"}
        urls = [f"https://localhost:{self.port}/{name}" for name in (left, right)]
        return subprocess.run([BINARY, "compare", *urls, "--format", "json"], env=environment,
                              capture_output=True, text=True, timeout=30)

    def test_equal_and_different_answers(self):
        self.assertEqual(self.compare("old.txt", "old.txt").returncode, 0)
        done = self.compare("old.txt", "new.txt")
        self.assertEqual(done.returncode, 1, done.stderr)
        (difference,) = json.loads(done.stdout)["differences"]
        self.assertEqual((difference["path"], difference["kind"]), ("line 2", "text"))

    def test_a_certificate_that_nobody_vouches_for_is_an_error(self):
        done = self.compare("old.txt", "old.txt", trusted=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("TLS", done.stderr)


if __name__ == "__main__":
    unittest.main()
