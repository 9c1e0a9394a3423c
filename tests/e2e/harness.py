"""Hosts made of network namespaces, real servers in them, and the agent between.

A Lab is three hosts: `client` - `service` - `target`, joined by veth pairs, IPv4 and
IPv6, with names of its own so that labs can run side by side. Everything that a test
starts is ended by its process id when the lab closes, also after a failure.
"""

import collections
import concurrent.futures
import ctypes
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

from rest import Rest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("SHADOWTAP_BINARY", ROOT / "build/release/shadowtap"))
CLONE_NEWNET = 0x40000000
WAIT = float(os.environ.get("SHADOWTAP_E2E_WAIT", "15"))  # seconds: a bound, not a pause


class Missing(Exception):
    """A privilege or program that the tests need."""


def require(condition, what):
    if condition:
        return
    if os.environ.get("CI") == "true":
        raise Missing(f"{what} is needed (CI=true)")
    raise unittest.SkipTest(f"{what} is needed")


def until(condition, what, seconds=WAIT):
    """Waits for condition() to be true and returns its value; fails after the bound."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


def counted(text, expected, log):
    """How often `text` stands in a server's log. It answers before it logs, so `expected` times
    are waited for; more are the caller's to see."""
    until(lambda: log().count(text) >= expected, f"{expected} times {text} in the log")
    return log().count(text)


class Process:
    """One process of a test: its output goes to files that the test can read."""

    def __init__(self, argv, directory, name):
        self.stdout = pathlib.Path(directory, f"{name}.out")
        self.stderr = pathlib.Path(directory, f"{name}.err")
        with self.stdout.open("wb") as out, self.stderr.open("wb") as err:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        self.argv = argv

    @property
    def pid(self):
        return self.process.pid

    def output(self):
        return self.stdout.read_text(errors="replace")

    def errors(self):
        return self.stderr.read_text(errors="replace")

    def stop(self, number=signal.SIGTERM, seconds=WAIT):
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"did not end within {seconds} s: {self.argv}")


class Host:
    """One network namespace."""

    def __init__(self, lab, name):
        self.lab = lab
        self.netns = f"st{lab.tag}{name}"
        lab.system("ip", "netns", "add", self.netns)
        self.run("ip", "link", "set", "lo", "up")
        # BBR with these servers' settings stalls paced answers; tests measure no stalls.
        self.run("sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0",
                 "net.ipv4.tcp_congestion_control=reno", check=False)

    def inside(self, argv):
        return ["nsenter", f"--net=/run/netns/{self.netns}", *map(str, argv)]

    def run(self, *argv, check=True, timeout=60, **more):
        done = subprocess.run(self.inside(argv), capture_output=True, timeout=timeout, **more)
        if check and done.returncode != 0:
            raise AssertionError(f"{argv} -> {done.returncode}: {done.stderr.decode(errors='replace')}")
        return done

    def start(self, *argv, name=None):
        process = Process(self.inside(argv), self.lab.directory, name or f"p{len(self.lab.processes)}")
        self.lab.processes.append(process)
        return process

    def curl(self, *args, **more):
        return self.run("curl", "-sS", "--max-time", "10", *args, **more).stdout.decode(errors="replace")

    def connect(self, address, timeout=10):
        """A connected socket of this host's network, for the test's own process: TCP at
        (host, port), or a Unix socket at a path."""
        def connected():
            with open(f"/run/netns/{self.netns}") as namespace:
                if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            unix = not isinstance(address, tuple)
            opened = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
            opened.settimeout(timeout)
            try:
                opened.connect(str(address) if unix else address)
            except OSError:
                opened.close()
                raise
            return opened

        # A thread of its own: its change of namespace ends with it.
        with concurrent.futures.ThreadPoolExecutor(max_workers=1) as thread:
            return thread.submit(connected).result()

    def listens(self, port):
        out = self.run("ss", "-Hltn", f"sport = :{port}").stdout
        return bool(out.strip())

    def nginx(self, port, locations, name, listen=("",), http="", options=""):
        """A real nginx with `locations` as its server block's text, `http` around that."""
        directory = self.lab.directory / name
        directory.mkdir()
        listens = "\n".join(f"listen {address}{port} {options};" for address in listen)
        (directory / "nginx.conf").write_text(
            f"""daemon off; master_process off; pid {directory}/pid; error_log {directory}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log {directory}/access.log; keepalive_requests 1000000000; default_type application/json;
  client_max_body_size 16m; client_body_temp_path {directory}; proxy_temp_path {directory};
  fastcgi_temp_path {directory}; uwsgi_temp_path {directory}; scgi_temp_path {directory};
  {http}
  server {{ {listens} root {directory}; {locations} }}
}}
"""
        )
        server = self.start("nginx", "-c", directory / "nginx.conf", "-p", directory, name=f"{name}-nginx")
        until(lambda: self.listens(port), f"nginx on {port}: {server.errors()}")
        server.directory = directory
        server.log = lambda: (directory / "access.log").read_text()
        return server

    def haproxy(self, port, rules, name):
        """A real HAProxy that answers by itself: `rules` stand in its frontend."""
        config = self.lab.directory / f"{name}.cfg"
        config.write_text(
            f"""global
  maxconn 1000
defaults
  mode http
  timeout client 30s
  timeout connect 5s
  timeout server 30s
frontend f
  bind :{port}
{rules}
"""
        )
        server = self.start("haproxy", "-db", "-f", config, name=f"{name}-haproxy")
        until(lambda: self.listens(port), f"haproxy on {port}: {server.errors()}")
        return server


class Agent:
    """A running `shadowtap run`, spoken to over its API."""

    def __init__(self, host, args, name="agent", prefix=()):
        self.host = host
        self.process = host.start(*prefix, BINARY, "run", *args, "--listen", "127.0.0.1:9900", name=name)
        self.rest = Rest(host)

    def ready(self):
        def answers():
            if self.process.process.poll() is not None:
                raise AssertionError(f"the agent ended: {self.process.errors()}")
            try:
                return self.rest.get("/readyz").status == 200
            except OSError:
                return False

        until(answers, "readyz")
        return self

    def get(self, path):
        return self.rest.get(path).json

    def text(self, path):
        return self.rest.get(path).text

    def call(self, method, path, body=None):
        """The status and the JSON of a call below /api/v1."""
        answer = self.rest.call(method, f"/api/v1{path}", body)
        return answer.status, answer.json if answer.body.strip() else None

    def coverage(self):
        return self.get("/api/v1/coverage")

    def ledger(self):
        (service,) = self.coverage()["services"]
        check_ledger(service)
        return service

    def outcomes(self):
        """How often a comparison came to what, over all routes; no zeros."""
        rows = self.get("/api/v1/endpoints")["endpoints"]
        return dict(sum((collections.Counter(row["outcomes"]) for row in rows), collections.Counter()))

    def target(self, **wanted):
        """The status of the target with that role or name; None: there is none."""
        (service,) = self.get("/api/v1/status")["services"]
        return next((t for t in service["targets"] if wanted.items() <= t.items()), None)

    def settled(self, captured):
        """The ledger once `captured` exchanges were seen and none is in flight."""

        def over():
            ledger = self.ledger()
            return ledger if ledger["captured"] >= captured and ledger["in_flight"] == 0 else None

        try:
            return until(over, f"{captured} exchanges captured")
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.coverage()} {self.process.errors()[-2000:]}")

    def stop(self):
        return self.process.stop()


def check_ledger(service):
    """captured stands in exactly one of the parts, at every moment."""
    parts = service["compared"] + service["in_flight"]
    for name in ("skipped", "refused", "shadow_error", "not_comparable"):
        parts += sum(service[name].values())
    assert service["captured"] == parts, service


class Lab:
    """client - service - target; use as a context."""

    SERVICE = "10.77.1.1"   # the service's host, towards the client
    CLIENT = "10.77.1.2"
    TARGET = "10.77.2.2"
    SERVICE6 = "fd77:1::1"
    TARGET6 = "fd77:2::2"

    def __init__(self):
        require(os.geteuid() == 0, "root")
        for program in ("ip", "nsenter", "curl", "nginx", "haproxy"):
            require(shutil.which(program), program)
        require(BINARY.exists(), f"the binary {BINARY}")
        self.tag = f"{random.randrange(16**6):06x}"
        self.processes = []
        self.hosts = []
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=f"st{self.tag}-"))

    def __enter__(self):
        try:
            self.client, self.service, self.target = (self.host(n) for n in ("c", "s", "t"))
            self.join(self.client, self.CLIENT, "fd77:1::2", self.service, self.SERVICE, self.SERVICE6)
            self.join(self.target, self.TARGET, self.TARGET6, self.service, "10.77.2.1", "fd77:2::1")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            if process.process.poll() is None:
                process.process.kill()
                process.process.wait()
        for host in self.hosts:
            subprocess.run(["ip", "netns", "delete", host.netns], capture_output=True)
        shutil.rmtree(self.directory, ignore_errors=True)

    def host(self, name):
        host = Host(self, name)
        self.hosts.append(host)
        return host

    def join(self, a, a4, a6, b, b4, b6):
        """One veth pair between two hosts; static addresses, no DAD."""
        ends = [(a, f"v{self.tag}{a.netns[-1]}", a4, a6), (b, f"v{self.tag}{b.netns[-1]}{a.netns[-1]}", b4, b6)]
        self.system("ip", "link", "add", ends[0][1], "netns", a.netns, "type", "veth",
                    "peer", "name", ends[1][1], "netns", b.netns)
        for host, device, v4, v6 in ends:
            host.run("ip", "-batch", "-", input=f"addr add {v4}/24 dev {device}\n"
                     f"addr add {v6}/64 dev {device} nodad\nlink set {device} up\n".encode())
        return ends[1][1]

    @staticmethod
    def system(*argv):
        done = subprocess.run(argv, capture_output=True)
        if done.returncode != 0:
            raise AssertionError(f"{argv}: {done.stderr.decode(errors='replace')}")
        return done


class LabTest(unittest.TestCase):
    """A lab for each case, which starts its servers itself."""

    # A client of port 8080: keep-alive connections, as many and as long as its arguments say.
    TRAFFIC = (sys.executable, ROOT / "tests/e2e/traffic.py", Lab.SERVICE, "8080")

    def setUp(self):
        self.lab = Lab().__enter__()
        self.addCleanup(self.lab.__exit__)
        self.service, self.target, self.client = self.lab.service, self.lab.target, self.lab.client

    def get(self, count, path="/x"):
        self.client.run("curl", "-sS", "--max-time", "20", *[f"http://{Lab.SERVICE}:8080{path}"] * count)

    def script(self, name, text):
        path = self.lab.directory / name
        path.write_text(text)
        return path


class OrdersTest(LabTest):
    """With an agent for one service: orders, on port 8080."""

    def agent(self, candidate, text="", name="agent", top="", prefix=()):
        """With `text` under the service's keys and `top` beside them."""
        data = self.lab.directory / f"data-{name}"
        data.mkdir(exist_ok=True)
        config = self.lab.directory / f"{name}.yaml"
        config.write_text(
            f"data_dir: {data}\n{top}\nservices:\n  - name: orders\n    ports: [8080]\n"
            f"    targets: {{ candidate: {candidate} }}\n{text}\n")
        return Agent(self.service, ["--config", config], name, prefix).ready()
