"""What deploy/ promises, checked against itself and against the binary.

    manifests_test.py build/release/shadowtap
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import yaml

SHADOWTAP = os.path.abspath(sys.argv.pop(1))
UNIT = "deploy/systemd/shadowtap.service"
KUBERNETES = "deploy/kubernetes"
ROLLOUT = "deploy/rollout"
UNITS = {"s": 1, "min": 60, "M": 1 << 20, "Mi": 1 << 20, "G": 1 << 30, "Gi": 1 << 30}


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def documents(path):
    return list(yaml.safe_load_all(read(path)))


def pod():
    (daemonset,) = [d for d in documents(f"{KUBERNETES}/daemonset.yaml") if d["kind"] == "DaemonSet"]
    return daemonset["spec"]["template"]["spec"]


def container():
    (container,) = pod()["containers"]
    return container


def unit(key):
    return re.findall(rf"^{key}=(.*)$", read(UNIT), re.MULTILINE)


def quantity(text):
    number, suffix = re.fullmatch(r"(\d+)(\w*)", text).groups()
    return int(number) * UNITS[suffix]


def bounds(shards):
    """What deploy/README.md, "Memory", adds up, for one service."""
    return (17 + 16 * shards + 128 * shards + 256 + 80) << 20


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


class Manifests(unittest.TestCase):
    def test_kustomization_names_files_that_are_there(self):
        (kustomization,) = documents(f"{KUBERNETES}/kustomization.yaml")
        files = kustomization["resources"] + kustomization["configMapGenerator"][0]["files"]
        self.assertEqual(sorted(files + ["kustomization.yaml"]), sorted(os.listdir(KUBERNETES)))
        for file in files:
            documents(f"{KUBERNETES}/{file}")

    def test_daemonset_and_unit_list_the_same_capabilities_and_no_more(self):
        context = container()["securityContext"]
        self.assertIs(context["privileged"], False)
        self.assertIs(context["allowPrivilegeEscalation"], False)
        self.assertEqual(context["capabilities"]["drop"], ["ALL"])
        added = {f"CAP_{name}" for name in context["capabilities"]["add"]}
        self.assertEqual(added, {"CAP_BPF", "CAP_NET_ADMIN", "CAP_PERFMON"})
        for key in ("CapabilityBoundingSet", "AmbientCapabilities"):
            self.assertEqual([set(value.split()) for value in unit(key)], [added])

    def test_shipped_configurations_are_accepted(self):
        for path in (f"{KUBERNETES}/config.yaml", "deploy/systemd/config.yaml", "deploy/examples/kubernetes.yaml"):
            result = run(SHADOWTAP, "run", "--config", path, "--check-config")
            self.assertEqual(result.returncode, 0, f"{path}: {result.stdout}{result.stderr}")

    def test_daemonset_flags_are_accepted(self):
        for address in ("127.0.0.1", "192.0.2.1", "::1", "2001:db8::1"):
            flags = [flag.replace("$(NODE_IP)", address) for flag in container()["args"]]
            flags = [flag.replace("/etc/shadowtap/", f"{KUBERNETES}/") for flag in flags]
            result = run(SHADOWTAP, *flags, "--check-config")
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_the_examples_token_is_where_the_daemonset_mounts_its_secret(self):
        (example,) = documents("deploy/examples/kubernetes.yaml")
        (volume,) = [v for v in pod()["volumes"] if v.get("secret")]
        self.assertIs(volume["secret"]["optional"], True)
        (mount,) = [m for m in container()["volumeMounts"] if m["name"] == volume["name"]]
        self.assertIs(mount["readOnly"], True)
        self.assertEqual(example["api"]["token_file"], f"{mount['mountPath']}/token")
        self.assertIn(mount["mountPath"], read("deploy/README.md"))

    def test_memory_limits_hold_for_the_shards_that_there_may_be(self):
        (config,), (example,) = documents(f"{KUBERNETES}/config.yaml"), documents("deploy/examples/kubernetes.yaml")
        shards = config["capture"]["shards"]
        self.assertEqual(example["capture"]["shards"], shards)
        self.assertGreater(quantity(container()["resources"]["limits"]["memory"]), bounds(shards))
        (most,) = re.findall(r"kMostShards = (\d+);", read("agent/agent.cpp"))
        self.assertGreater(quantity(unit("MemoryMax")[0]), bounds(int(most)))

    def test_what_the_unit_says_of_secrets_and_the_socket_is_where_systemd_puts_them(self):
        text, readme = read(UNIT), read("deploy/README.md")
        name, source = re.search(r"^#LoadCredential=(\w+):(\S+)$", text, re.MULTILINE).groups()
        for said in (text, readme):
            self.assertIn(f"token_file: /run/credentials/{os.path.basename(UNIT)}/{name}", said)
            self.assertIn(f"LoadCredential={name}:{source}", said)
            self.assertIn(f"unix_socket: /run/{unit('RuntimeDirectory')[0]}/", said)

    def test_a_start_that_fails_is_not_tried_for_ever(self):
        tries, pause = int(unit("StartLimitBurst")[0]), quantity(unit("RestartSec")[0])
        self.assertLess(2 * tries * pause, quantity(unit("StartLimitIntervalSec")[0]))

    def test_gates_ask_the_service_that_is_shipped(self):
        service, slice_ = documents(f"{ROLLOUT}/gate-service.yaml")
        self.assertEqual((service["kind"], slice_["kind"]), ("Service", "EndpointSlice"))
        name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]
        self.assertNotIn("selector", service["spec"])
        self.assertEqual(slice_["metadata"]["namespace"], namespace)
        self.assertEqual(slice_["metadata"]["labels"]["kubernetes.io/service-name"], name)
        self.assertEqual(slice_["ports"], service["spec"]["ports"])
        (kustomization,) = documents(f"{KUBERNETES}/kustomization.yaml")
        self.assertEqual(namespace, kustomization["namespace"])
        for file in ("flagger-canary.yaml", "argo-analysis.yaml"):
            called = set(re.findall(r"[/@]([\w.-]+:\d+)/", read(f"{ROLLOUT}/{file}")))
            self.assertEqual(called, {f"{name}.{namespace}:9900"}, file)

    def test_runtime_packages_are_those_the_binary_is_linked_to(self):
        listed = set(read("deploy/packages-run.txt").split()) - {"ca-certificates"}
        needed = re.findall(r"NEEDED.*\[(.*)\]", run("readelf", "-d", SHADOWTAP).stdout)
        places = dict(re.findall(r"(\S+) => (\S+)", run("ldd", SHADOWTAP).stdout))
        # dpkg knows a file by /usr/lib or by /lib, where both are one folder.
        files = {os.path.realpath(places.get(library, library)) for library in needed}
        found = run("dpkg", "-S", *files, *(file.removeprefix("/usr") for file in files)).stdout
        owners = {line.split(":")[0] for line in found.splitlines()}
        self.assertEqual(owners - {"libc6", "libstdc++6", "libgcc-s1", ""}, listed)

    def test_unit_is_one_that_systemd_understands(self):
        if not shutil.which("systemd-analyze"):
            self.assertNotEqual(os.environ.get("CI"), "true", "systemd-analyze is needed")
            self.skipTest("systemd-analyze is not installed")
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/shadowtap.service"
            with open(path, "w", encoding="utf-8") as file:
                # With what it offers switched on as well.
                file.write(read(UNIT).replace("/usr/bin/shadowtap", SHADOWTAP).replace("#LoadCredential", "LoadCredential"))
            result = run("systemd-analyze", "verify", "--man=no", path)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            result = run("systemd-analyze", "security", "--offline=yes", "--threshold=25", path)
            self.assertEqual(result.returncode, 0, result.stdout)


if __name__ == "__main__":
    unittest.main()
