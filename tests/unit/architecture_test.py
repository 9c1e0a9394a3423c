"""No area includes or links another that the table of agent/README.md does not allow.

From the project's root. The table is the rule; this only holds the tree to it.
"""
import pathlib
import re
import unittest

ROOT = pathlib.Path(".")
SHARD = {"shard", "shard_loop", "compare_stage", "compare_worker", "exchange_table", "ledger"}
# What config may include of areas that it may not include otherwise.
OPTIONS = {"agent/capture/tap.h", "agent/results/results.h", "agent/shadow/options.h",
           "diff/rules.h"}
# header's prefix -> the only places that may include it
SPECIAL = {
    "CLI/": ["agent/config/command_line.cpp"],
    "yaml-cpp/": ["agent/config/yaml.cpp"],
    "boost/beast": ["agent/api/"],
    "bpf/": ["agent/capture/"],
    "sqlite3.h": ["agent/results/"],
    "llhttp.h": ["agent/http/"],
    "simdjson": ["diff/"],
    "libxml/": ["diff/"],
    "prometheus/": ["agent/metrics/"],
}
MOST_BEAST_FILES = 2


def allowed_edges():
    """area -> areas it may include, from the README's table."""
    text = (ROOT / "agent/README.md").read_text()
    table = text.split("## Who may include whom")[1]
    rows = re.findall(r"^\| ([a-z]+) \|([a-z ]*)\|$", table, re.M)
    return {area: set(allowed.split()) for area, allowed in rows if area != "area"}


def area_of(path):
    """The area that a file of ours belongs to."""
    parts = path.split("/")
    if parts[0] != "agent":
        return parts[0]
    if len(parts) > 2:
        return "top" if parts[1] == "commands" else parts[1]
    stem = parts[1].split(".")[0]
    return "assembly" if stem == "assembly" else "shard" if stem in SHARD else "top"


def area_of_library(name, areas):
    """Libraries have their area's name; some are made of one file that stands in agent/."""
    if name not in areas and (ROOT / f"agent/{name}.h").exists():
        return area_of(f"agent/{name}.h")
    return "top" if name.endswith("commands") else name


def sources():
    for folder in ("agent", "diff"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".h", ".cpp") and "node_modules" not in path.parts:
                yield path.as_posix(), path.read_text(errors="replace")


def includes(text, form):
    return re.findall(rf"^\s*#\s*include {form}", text, re.M)


class ArchitectureTest(unittest.TestCase):
    def setUp(self):
        self.allowed = allowed_edges()
        self.assertGreaterEqual(len(self.allowed), 15, "the table was not found")

    def judge(self, where, area, target):
        allowed = self.allowed.get(area)
        self.assertIsNotNone(allowed, f"{where}: area '{area}' is not in agent/README.md's table")
        if target != area and "everything" not in allowed:
            self.assertIn(target, allowed, f"{where}: {area} may not use {target}")

    def test_every_include_is_allowed(self):
        seen = 0
        for path, text in sources():
            for header in includes(text, r'"((?:agent|diff|bpf)/[^"]+)"'):
                seen += 1
                if area_of(path) == "config" and header in OPTIONS:
                    continue
                with self.subTest(path=path, header=header):
                    self.judge(path, area_of(path), area_of(header))
        self.assertGreater(seen, 300)

    def test_every_link_is_allowed(self):
        seen = 0
        for path in [ROOT / "diff/CMakeLists.txt", *(ROOT / "agent").glob("*/CMakeLists.txt")]:
            for area, body in re.findall(r"shadowtap_area\((\w+)(.*?)\)", path.read_text(), re.S):
                for target in re.findall(r"shadowtap_(\w+)", body.partition("DEPS")[2]):
                    seen += 1
                    if area == "config" and target == "diff":  # compiles the rules it read
                        continue
                    with self.subTest(area=area, target=target):
                        self.judge(path.as_posix(), area_of_library(area, self.allowed),
                                   area_of_library(target, self.allowed))
        self.assertGreater(seen, 15)

    def test_special_libraries_stay_where_they_are(self):
        beast = set()
        for path, text in sources():
            for header in includes(text, "<([^>]+)>"):
                for prefix, homes in SPECIAL.items():
                    if header.startswith(prefix):
                        self.assertTrue(path.startswith(tuple(homes)), f"{path}: <{header}>")
                        if prefix == "boost/beast":
                            beast.add(path)
        self.assertLessEqual(len(beast), MOST_BEAST_FILES, beast)

    def test_headers_open_with_what_they_are(self):
        for path, text in sources():
            if path.endswith(".h"):
                with self.subTest(path=path):
                    self.assertTrue(text.startswith("// "), "no first comment")
                    self.assertIn("#pragma once", text)


if __name__ == "__main__":
    unittest.main()
