"""The agent as deploy/ runs it: with the capabilities that the DaemonSet and the systemd
unit list, no way to others, and a file system that cannot be written."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import unittest

import yaml

from harness import BINARY, ROOT, Lab, check_ledger, require, until
from rest import Rest

SERVICE = """location / { return 200 '{"a":1}'; }"""


def of_the_daemonset():
    documents = yaml.safe_load_all((ROOT / "deploy/kubernetes/daemonset.yaml").read_text())
    (daemonset,) = [d for d in documents if d["kind"] == "DaemonSet"]
    (container,) = daemonset["spec"]["template"]["spec"]["containers"]
    return {name.lower() for name in container["securityContext"]["capabilities"]["add"]}


def of_the_unit():
    unit = (ROOT / "deploy/systemd/shadowtap.service").read_text()
    names = re.search(r"^AmbientCapabilities=(.*)$", unit, re.M)[1].split()
    return {name.removeprefix("CAP_").lower() for name in names}


class ConfinedTest(unittest.TestCase):
    def setUp(self):
        self.lab = Lab().__enter__()
        self.addCleanup(self.lab.__exit__)
        self.lab.service.nginx(8080, SERVICE, "service")
        self.lab.target.nginx(8080, SERVICE, "candidate")
        self.data = self.lab.directory / "data"
        self.data.mkdir()

    def run_with(self, capabilities, *user):
        """Only `data` can be written; setpriv gives exactly those capabilities."""
        every = ",".join(["-all", *(f"+{name}" for name in sorted(capabilities))])
        kept = [f"--bounding-set={every}", f"--inh-caps={every}", *(["--ambient-caps=" + every] if user else [])]
        script = (f"mount --make-rprivate / && mount --bind {self.data} {self.data} && "
                  'mount -o remount,ro,bind / && exec "$@"')
        return self.lab.service.start(
            "unshare", "--mount", "sh", "-c", script, "sh", "setpriv", *user, *kept, "--no-new-privs",
            BINARY, "run", "--port", "8080", "--guard", "off", "--candidate", f"http://{Lab.TARGET}:8080",
            "--data-dir", self.data, "--metrics-listen", "127.0.0.1:9901", name="agent")

    def ready(self, process):
        rest = Rest(self.lab.service)

        def answered():
            self.assertIsNone(process.process.poll(), process.errors())
            try:
                return rest.get("/readyz").json
            except OSError:
                return None

        state = until(answered, f"readyz: {process.errors()}", 60)
        self.assertEqual(state["state"], "ready", state)
        return rest

    def check(self, process):
        rest = self.ready(process)
        urls = [f"http://{Lab.SERVICE}:8080/x"] * 20
        self.lab.client.run("curl", "-sS", "-o", "/dev/null", *urls)

        def compared():
            (service,) = rest.get("/api/v1/coverage").json["services"]
            check_ledger(service)
            return service["compared"] == 20

        until(compared, f"20 comparisons: {process.errors()}")
        self.check_rights(process)
        process.stop()
        self.assertEqual(process.process.returncode, 0, process.errors())
        self.assertTrue(list(self.data.iterdir()))

    def check_rights(self, process):
        """Of each thread: capabilities are a thread's. Every step before it was an exec."""
        for task in pathlib.Path(f"/proc/{process.pid}/task").iterdir():
            status = (task / "status").read_text()
            left = int(re.search(r"CapEff:\s*(\w+)", status)[1], 16)
            self.assertEqual(left & ~(1 << 12), 0, status)  # CAP_NET_ADMIN may stay
            self.assertIn("NoNewPrivs:\t1", status)

    def test_as_the_daemonset_runs_it(self):
        self.check(self.run_with(of_the_daemonset()))

    def test_as_systemd_runs_it(self):
        self.data.chmod(0o777)
        self.lab.directory.chmod(0o755)
        self.check(self.run_with(of_the_unit(), "--reuid=65534", "--regid=65534", "--clear-groups"))

    def test_beside_a_pods_namespace_and_for_a_person_behind_sudo(self):
        """The agent is outside, and writes its report into a directory that is not root's."""
        home = self.lab.directory / "home"
        home.mkdir()
        os.chown(home, 65534, 65534)
        home.chmod(0o755)
        outside = self.lab.target
        process = outside.start(
            BINARY, "run", "--port", "8080", "--netns", self.lab.service.netns, "--guard", "off", "--candidate",
            f"http://{Lab.TARGET}:8080", "--report", home / "report.json", "--exit-verdict", name="agent")
        rest = Rest(outside)
        until(lambda: "serving on" in process.output(), f"start: {process.errors()}")
        self.assertIn("watching ", process.output())
        self.lab.client.run("curl", "-sS", "-o", "/dev/null", *[f"http://{Lab.SERVICE}:8080/x"] * 20)

        def compared():
            (service,) = rest.get("/api/v1/coverage").json["services"]
            return service["compared"] == 20

        until(compared, f"20 comparisons: {process.errors()}")
        self.check_rights(process)
        process.stop()
        self.assertEqual(process.process.returncode, 3, process.errors())  # too few for a verdict
        self.assertIn("inconclusive", (home / "report.json").read_text())

    def test_the_units_filter_lets_every_system_call_pass(self):
        for program in ("strace", "systemd-analyze"):
            require(shutil.which(program), program)
        log = self.lab.directory / "strace"
        process = self.lab.service.start(
            "strace", "-f", "-qq", "-o", log, BINARY, "run", "--port", "8080", "--candidate",
            f"http://{Lab.TARGET}:8080", "--data-dir", self.data, "--metrics-listen", "127.0.0.1:9901", name="agent")
        rest = self.ready(process)
        self.lab.client.run("curl", "-sS", "-o", "/dev/null", f"http://{Lab.SERVICE}:8080/x?i=[1-30]")
        until(lambda: rest.get("/api/v1/coverage").json["services"][0]["captured"] == 30, "30 exchanges", 60)
        for path in ("/", "/metrics", "/api/v1/report", "/api/v1/diffs"):
            self.assertEqual(rest.get(path).status, 200)
        self.assertEqual(rest.call("PUT", "/api/v1/services/default/sampling", {"sample": 50}).status, 200)
        (agent,) = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(agent), signal.SIGTERM)
        process.process.wait(60)
        used = set(re.findall(r"^\d+ +(\w+)\(", log.read_text(errors="replace"), re.M))
        self.assertIn("bpf", used)
        self.assertEqual(used - self.allowed_by_the_unit(), set())

    def allowed_by_the_unit(self):
        unit = (ROOT / "deploy/systemd/shadowtap.service").read_text()
        names, allowed = re.search(r"^SystemCallFilter=(.*)$", unit, re.M)[1].split(), set()
        while names:
            name = names.pop()
            if not name.startswith("@"):
                allowed.add(name)
                continue
            out = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True)
            names += re.findall(r"^ +(@?[a-z][\w-]*)$", out.stdout, re.M)
        return allowed


if __name__ == "__main__":
    unittest.main()
