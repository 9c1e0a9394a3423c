"""The agent's REST API as a client without manners would call it."""

import http.client
import json
import re
import socket


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()
        response.close()

    @property
    def type(self):
        return (self.headers["Content-Type"] or "").split(";")[0]

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)


class Rest:
    """Calls over a new connection each, from within the agent's host."""

    def __init__(self, host, address=("127.0.0.1", 9900)):
        self.host = host
        self.address = address

    def connect(self, timeout=10):
        return self.host.connect(self.address, timeout)

    def call(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection("localhost")
        connection.sock = self.connect()
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            headers.setdefault("Content_Type", "application/json")
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, body, named)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, path, **headers):
        return self.call("GET", path, **headers)

    def raw(self, data, timeout=15):
        """What comes back for these bytes, until the peer closes."""
        with self.connect(timeout) as opened:
            try:
                opened.sendall(data)
                opened.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it has seen enough
            return receive_all(opened)


def receive_all(opened):
    got = b""
    try:
        while part := opened.recv(65536):
            got += part
    except ConnectionResetError:
        pass
    return got


def status_of(answer):
    """Of raw bytes; None if that is no HTTP answer."""
    match = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
    return int(match[1]) if match else None
