"""The agent as deploy/ runs it: with the capabilities that the DaemonSet and the systemd
unit list, no way to others, and a file system that cannot be written."""

import re
import unittest

import yaml

from harness import BINARY, ROOT, Lab, check_ledger, until
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

    def check(self, process):
        rest = Rest(self.lab.service)

        def ready():
            self.assertIsNone(process.process.poll(), process.errors())
            try:
                return rest.get("/readyz").json
            except OSError:
                return None

        state = until(ready, f"readyz: {process.errors()}")
        self.assertEqual(state["state"], "ready", state)
        urls = [f"http://{Lab.SERVICE}:8080/x"] * 20
        self.lab.client.run("curl", "-sS", "-o", "/dev/null", *urls)

        def compared():
            (service,) = rest.get("/api/v1/coverage").json["services"]
            check_ledger(service)
            return service["compared"] == 20

        until(compared, f"20 comparisons: {process.errors()}")
        status = (self.lab.service.run("cat", f"/proc/{self.agent_pid(process)}/status").stdout).decode()
        self.assertEqual(int(re.search(r"CapEff:\s*(\w+)", status)[1], 16) & ~(1 << 12), 0)  # CAP_NET_ADMIN may stay
        self.assertIn("NoNewPrivs:\t1", status)
        process.stop()
        self.assertEqual(process.process.returncode, 0, process.errors())
        self.assertTrue(list(self.data.iterdir()))

    @staticmethod
    def agent_pid(process):
        return process.pid  # every step before it was an exec

    def test_as_the_daemonset_runs_it(self):
        self.check(self.run_with(of_the_daemonset()))

    def test_as_systemd_runs_it(self):
        self.data.chmod(0o777)
        self.lab.directory.chmod(0o755)
        self.check(self.run_with(of_the_unit(), "--reuid=65534", "--regid=65534", "--clear-groups"))


if __name__ == "__main__":
    unittest.main()
