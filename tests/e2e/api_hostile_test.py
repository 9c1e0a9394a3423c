"""Every call of the API with input that nobody should send: an answer below 500 in a
problem document, or a closed connection, and an agent that goes on."""

import json
import random
import unittest

from harness import Agent, Lab
from rest import Rest, status_of

VALUES = ["", "%00", "%ff%fe", "..%2f..%2fetc%2fpasswd", "'%3B%20DROP%20TABLE%20samples--", "%F0%9F%92%A9",
          "<script>alert(1)</script>".replace("<", "%3C").replace(">", "%3E"), "%25s%25n", "-1", "1e309",
          "18446744073709551616", "nan", "NaN", "a" * 4000, "%22%5C", "*", "%0d%0aX-Injected:%201"]
BODIES = [b"", b"null", b"[]", b"{", b"\xff\xfe", b"[" * 100000, b'{"a":' * 5000 + b"1" + b"}" * 5000,
          b'{"ignore": ' + b"[" * 30 + b"]" * 30 + b"}", b'{"sample": 1e999}', b'{"sample": -1}',
          b'{"url": "http://[::1"}', b'{"url": "file:///etc/passwd"}', b'{"url": "http://a b/"}',
          b'{"ignore": ["$..[?(@.a=="' + b"a" * 10000 + b'")]"]}', b'{"pattern": [{"path": "$.a", "pattern": "(a+)+$("}]}',
          b'{"metadata": {"service": 7, "min_compared": [], "max_mismatch_ratio": "nan"}}',
          b'{"metadata": {"service": "' + b"x" * 100000 + b'"}}', b'{"compare": {"compare": {}}}',
          '{"ignore": ["$.\\ud800"]}'.encode(), b'{"ignore": ["\\u0000"]}', b"{}" * 1000, b"\x00" * 1000]
HEAD = b" HTTP/1.1\r\nHost: localhost\r\n"
RAW = [b"", b"\r\n\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"get / HTTP/1.1\r\nHost: localhost\r\n\r\n",
       b"CONNECT a:1" + HEAD + b"\r\n", b"OPTIONS *" + HEAD + b"\r\n", b"GET http://127.0.0.1/" + HEAD + b"\r\n",
       b"GET //" + HEAD + b"\r\n", b"GET /%" + HEAD + b"\r\n", b"GET /\x00" + HEAD + b"\r\n", b"GET /\xff" + HEAD + b"\r\n",
       b"TRACE /healthz" + HEAD + b"\r\n", b"X" * 5000 + b" /" + HEAD + b"\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
       b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200,
       b"GET /" + HEAD + b"Host: other\r\n\r\n", b"GET /" + HEAD + b": x\r\n\r\n", b"GET /" + HEAD + b" folded: x\r\n\r\n",
       b"POST /api/v1/gate" + HEAD + b"Content-Length: -1\r\n\r\n", b"POST /api/v1/gate" + HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
       b"POST /api/v1/gate" + HEAD + b"Content-Length: 99999999999999999999\r\n\r\n",
       b"POST /api/v1/gate" + HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       b"POST /api/v1/gate" + HEAD + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n",
       b"POST /api/v1/gate" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n", b"POST /api/v1/gate" + HEAD + b"Transfer-Encoding: gzip\r\n\r\n",
       b"POST /api/v1/gate" + HEAD + b"Expect: the-unexpected\r\nContent-Length: 0\r\n\r\n",
       b"GET /" + HEAD + b"\r\n".join(b"X-%d: y" % i for i in range(3000)) + b"\r\n\r\n",
       b"GET /healthz" + HEAD + b"Accept: " + b"a/b," * 3000 + b"\r\n\r\n", b"GET /healthz" + HEAD + b"If-None-Match: " + b'"' * 9000 + b"\r\n\r\n",
       b"GET /healthz" + HEAD + b"Authorization: Basic " + b"A" * 9001 + b"\r\n\r\n"]


class HostileTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab().__enter__()
        cls.addClassCleanup(cls.lab.__exit__)
        cls.agent = Agent(cls.lab.service, ["--port", "8080", "--candidate", f"http://{Lab.TARGET}:8080"]).ready()
        cls.rest = Rest(cls.lab.service)
        cls.calls = [(method.upper(), path) for path, operations in cls.rest.get("/api/v1/openapi.json").json["paths"].items()
                     for method in operations if not path.endswith("/events")]

    def tearDown(self):
        self.assertEqual(self.rest.get("/healthz").status, 200)
        self.assertIsNone(self.agent.process.process.poll(), self.agent.process.errors())

    def check(self, answer, what):
        self.assertLess(answer.status, 500, what)
        self.assertNotIn("X-Injected", answer.headers, what)
        if answer.status >= 400 and answer.type != "application/json":  # the gate's 412 and 425
            self.assertEqual(answer.type, "application/problem+json", what)
            self.assertEqual(answer.json["status"], answer.status)

    def test_hostile_segments_and_parameters(self):
        rng = random.Random(3)
        for method, path in self.calls:
            for value in VALUES:
                filled = path
                for name in ("{id}", "{name}", "{role}"):
                    filled = filled.replace(name, value)
                self.check(self.rest.call(method, filled), (method, filled))
            known = {"service", "endpoint", "path", "kind", "outcome", "since", "cursor", "limit", "format",
                     "min_compared", "max_mismatch_ratio", "name"}
            for name in sorted(known):
                value = rng.choice(VALUES)
                target = path.replace("{name}", "default").replace("{role}", "mirror").replace("{id}", "0")
                self.check(self.rest.call(method, f"{target}?{name}={value}"), (method, target, name, value))

    def test_hostile_bodies(self):
        for method, path in self.calls:
            if method == "GET":
                continue
            target = path.replace("{name}", "default").replace("{role}", "secondary").replace("{id}", "0")
            for body in BODIES:
                answer = self.rest.call(method, target, body, Content_Type="application/json")
                self.check(answer, (method, target, body[:60]))

    def test_hostile_bytes(self):
        for data in RAW:
            answer = self.rest.raw(data)
            if answer:
                self.assertIsNotNone(status_of(answer), (data[:80], answer[:200]))
                self.assertLess(status_of(answer), 500, (data[:80], answer[:200]))
        rng = random.Random(7)
        for _ in range(100):
            good = bytearray(b"PUT /api/v1/services/default/rules?x=%41" + HEAD + b"Content-Length: 2\r\n\r\n{}")
            for _ in range(rng.randrange(1, 6)):
                good[rng.randrange(len(good))] = rng.randrange(256)
            answer = self.rest.raw(bytes(good))
            self.assertLess(status_of(answer) or 0, 500, bytes(good))

    def test_more_connections_than_there_is_room_for(self):
        idle = [self.rest.connect() for _ in range(300)]
        self.assertEqual(self.rest.get("/healthz").status, 200)
        for opened in idle:
            opened.close()
        json.loads(self.rest.get("/api/v1/status").body)


if __name__ == "__main__":
    unittest.main()
