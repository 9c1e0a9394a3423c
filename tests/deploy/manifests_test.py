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


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def documents(path):
    return list(yaml.safe_load_all(read(path)))


def container():
    (daemonset,) = [d for d in documents(f"{KUBERNETES}/daemonset.yaml") if d["kind"] == "DaemonSet"]
    (container,) = daemonset["spec"]["template"]["spec"]["containers"]
    return container


def unit(key):
    return re.findall(rf"^{key}=(.*)$", read(UNIT), re.MULTILINE)


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
        for path in (f"{KUBERNETES}/config.yaml", "deploy/systemd/config.yaml"):
            result = run(SHADOWTAP, "run", "--config", path, "--check-config")
            self.assertEqual(result.returncode, 0, f"{path}: {result.stdout}{result.stderr}")

    def test_daemonset_flags_are_accepted(self):
        flags = [flag.replace("$(NODE_IP)", "127.0.0.1") for flag in container()["args"]]
        flags = [flag.replace("/etc/shadowtap/", f"{KUBERNETES}/") for flag in flags]
        result = run(SHADOWTAP, *flags, "--check-config")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_runtime_packages_are_those_the_binary_is_linked_to(self):
        listed = set(read("deploy/packages-run.txt").split()) - {"ca-certificates"}
        needed = re.findall(r"NEEDED.*\[(.*)\]", run("readelf", "-d", SHADOWTAP).stdout)
        places = dict(re.findall(r"(\S+) => (\S+)", run("ldd", SHADOWTAP).stdout))
        owners = set()
        for library in needed:
            # dpkg knows the file by /usr/lib or by /lib, where both are one folder.
            place = os.path.realpath(places.get(library, library))
            found = run("dpkg", "-S", place)
            if found.returncode != 0:
                found = run("dpkg", "-S", place.removeprefix("/usr"))
            owners.add(found.stdout.split(":")[0])
        self.assertEqual(owners - {"libc6", "libstdc++6", "libgcc-s1", ""}, listed)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
    def test_unit_is_one_that_systemd_understands(self):
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/shadowtap.service"
            with open(path, "w", encoding="utf-8") as file:
                file.write(read(UNIT).replace("/usr/bin/shadowtap", SHADOWTAP))
            result = run("systemd-analyze", "verify", "--man=no", path)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            result = run("systemd-analyze", "security", "--offline=yes", "--threshold=25", path)
            self.assertEqual(result.returncode, 0, result.stdout)


if __name__ == "__main__":
    unittest.main()
