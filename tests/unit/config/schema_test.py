"""deploy/config.schema.json and the agent's own reader agree: on the examples, on every key
there is, and on files with one mistake each.

Usage: schema_test.py PRINT_CONFIG   (from the project's root)
"""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

try:
    import jsonschema
    import yaml
except ImportError as missing:
    print(f"SKIPPED: {missing} (deploy/packages-test.txt)")
    sys.exit(1 if os.environ.get("CI") == "true" else 77)

PRINT_CONFIG = sys.argv.pop(1)


def text_of(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


SCHEMA = json.loads(text_of("deploy/config.schema.json"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


class Loader(yaml.SafeLoader):
    """YAML 1.2's idea of scalars: no times, and only true and false are booleans."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers
            if not tag.endswith((":timestamp", ":bool"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|false)$"), list("tf"))


def schema_complaint(text):
    """The first thing the schema has against the text, or nothing."""
    return next((e.message for e in VALIDATOR.iter_errors(yaml.load(text, Loader))), None)


def agent_says(text):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text)
        file.flush()
        run = subprocess.run([PRINT_CONFIG, file.name], capture_output=True, text=True, timeout=30)
        return run.returncode, run.stdout, run.stderr.replace(file.name, "f.yaml")


def keys_of_schema(node, prefix=""):
    """Every key that the schema knows, dotted; list items without index."""
    while "$ref" in node:
        node = SCHEMA["$defs"][node["$ref"].rsplit("/", 1)[1]]
    for key, value in node.get("properties", {}).items():
        yield prefix + key
        yield from keys_of_schema(value, prefix + key + ".")
    for part in node.get("oneOf", []):
        yield from keys_of_schema(part, prefix)
    if "items" in node:
        yield from keys_of_schema(node["items"], prefix)


def keys_of_value(value, prefix=""):
    if isinstance(value, list):
        for item in value:
            yield from keys_of_value(item, prefix)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield prefix + key
            yield from keys_of_value(inner, prefix + key + ".")


def told_once(key):
    """Every target has a candidate's keys, every rule an ignore rule's."""
    key = re.sub(r"targets\.(secondary|mirrors)\.", "targets.candidate.", key)
    return re.sub(r"compare\.\w+\.(route|reason|expires)$", r"compare.ignore.\1", key)


FREE_KEYS = re.compile(r"\.(set|from_file|from_environment)\.")

SERVICE = "services:\n- name: a\n  ports: [80]\n"

# text, what the agent says, whether a schema can see it too
BAD = [
    ("lisen: 127.0.0.1:1\n", "f.yaml:1:1: unknown key 'lisen' (did you mean 'listen'?)", True),
    ("listen: 99\n", "f.yaml:1:9: listen: '99' is not an address", True),
    ("listen: 0.0.0.0:1\n", "is not loopback", False),
    ("listen: host.name:9900\n", "f.yaml:1:9: listen: 'host.name:9900' is not an address", True),
    ("metrics_listen: unix:/" + 107 * "x" + "\n", "too long for a socket's path", True),
    ("api: { unix_socket: /" + 107 * "x" + " }\n", "too long for a socket's path", True),
    ("capture: { ring: 1MB }\n", "power of two", True),
    ("capture: { ring: 64KiB }\n", "f.yaml:1:18: ring: must be a power of two from 128KiB", True),
    ("capture: { ring: 65536 }\n", "power of two from 128KiB", True),
    ("capture: { ring: 4GiB }\n", "to 2GiB", True),
    ("services:\n" + "".join(f"- {{ name: s{n}, ports: [{n}] }}\n" for n in range(1, 66)),
     "f.yaml:66:3: services: one agent taps at most 64", True),
    ("limits: { rate: fast }\n", "f.yaml:1:17: rate: 'fast' is not a rate", True),
    ("webhook: { secret_file: x }\n", "'url' is missing", True),
    ("webhook: { url: ftp://x }\n", "is not an http:// or https:// URL", True),
    ("services: 5\n", "f.yaml:1:11: services: must be a list", True),
    ("services:\n- name: a\n", "'ports' is missing", True),
    ("services:\n- ports: [80]\n", "'name' is missing", True),
    ("services:\n- name: a b\n  ports: [80]\n", "f.yaml:2:9: name: 'a b' is not a name", True),
    ("services:\n- name: a\n  ports: [0]\n", "f.yaml:3:11: ports: '0' is not a port", True),
    ("services:\n- name: a\n  ports: [x]\n", "is not a port", True),
    ("services:\n- name: a\n  ports: []\n", "has no port", True),
    ("services:\n- name: a\n  ports: [80, 80]\n", "given twice", True),
    (SERVICE + "- name: b\n  ports: [80]\n", "given twice", False),
    (SERVICE + "- name: a\n  ports: [81]\n", "there already", False),
    (SERVICE + "  interfaces: all\n", "must be auto or a list", True),
    (SERVICE + "  interfaces: ['eth0:x']\n", "f.yaml:4:16: interfaces: ", True),
    (SERVICE + "  targets: { candidate: { timeout: 1s } }\n", "'url' is missing", True),
    (SERVICE + "  targets: { candidate: { url: 10.0.0.9 } }\n", "is not a URL", True),
    (SERVICE + "  targets: { candidate: { url: 'http://u:s3cret@x' } }\n",
     "'http://***@x' has credentials in it", True),
    (SERVICE + "  targets: { candidate: { url: 'http://x', rewrite: [{ pattern: a, replacement: '\\1' }] } }\n",
     "replacement: ", False),
    (SERVICE + "  targets: { candidate: { url: 'http://x', query: { set: { a: 'b c' } } } }\n",
     "give it encoded", False),
    (SERVICE + "  targets: { candidate: { url: 'http://x', headers: { set: { Content-Length: 5 } } } }\n",
     "'Content-Length' is ours to set", False),
    (SERVICE + "  routes: [/users]\n", "'/users' is not 'pattern;name'", True),
    (SERVICE + "  targets: { candidate: { url: 'http://x', timeout: 5 } }\n",
     "f.yaml:4:53: timeout: '5' is not a duration", True),
    (SERVICE + "  targets: { candidate: { url: 'http://x', timeout: 0s } }\n", "more than 0", True),
    (SERVICE + "  targets: { candidate: { url: 'http://x', concurrency: 0 } }\n", "less than 1", True),
    (SERVICE + "  targets: { candidate: { url: 'http://x', host: mine } }\n", "unknown value", True),
    (SERVICE + "  targets: { candidat: { url: 'http://x' } }\n", "did you mean 'candidate'", True),
    (SERVICE + "  targets: { secondary: { url: 'http://x' } }\n", "without a candidate", True),
    (SERVICE + "  targets: { candidate: { url: 'http://x', headers: { set: { 'A B': c } } } }\n",
     "is not a header", True),
    (SERVICE + "  select: { methods: ['G T'] }\n", "is not an HTTP method", True),
    (SERVICE + "  select: { methods: [get] }\n", "methods are upper-case", False),
    (SERVICE + "  select: { sample: 101 }\n", "is not a percentage", True),
    (SERVICE + "  select: { sample_by: user }\n", "is none of request", True),
    (SERVICE + "  select: { allow: ['('] }\n", "is not a regular expression", False),
    (SERVICE + "  select: { side_effects: [{ path: x }] }\n", "'methods' is missing", True),
    (SERVICE + "  order: fifo\n", "unknown value 'fifo'", True),
    (SERVICE + "  guard: maybe\n", "neither true nor false", True),
    (SERVICE + "  expires: soon\n", "is not a duration", True),
    (SERVICE + "  aliases: [{ cookie: a, json_path: $.b }]\n", "needs either", True),
    (SERVICE + "  alpha: 1\n", "is not in", True),
    (SERVICE + "  noise: { cluster: X-Cell }\n", "is not header:NAME", True),
    (SERVICE + "  compare: { mode: lax }\n", "unknown value 'lax'", True),
    (SERVICE + "  compare: { ignore: [{ kind: value }] }\n", "'path' is missing", True),
    (SERVICE + "  compare: { ignore: [{ path: $.a, kind: changed }] }\n", "unknown value", True),
    (SERVICE + "  compare: { ignore: ['$.a['] }\n", "ignore: at 5", False),
    (SERVICE + "  compare: { tolerance: [{ path: $.a }] }\n", "needs absolute", True),
    (SERVICE + "  compare: { tolerance: [$.a] }\n", "each item must be a map", True),
]


class SchemaTest(unittest.TestCase):
    def test_the_schema_is_one(self):
        jsonschema.Draft202012Validator.check_schema(SCHEMA)

    def test_both_take_every_example(self):
        examples = glob.glob("deploy/examples/*.yaml")
        self.assertGreaterEqual(len(examples), 4)
        for path in examples:
            text = text_of(path)
            self.assertIsNone(schema_complaint(text), path)
            code, _, said = agent_says(text)
            self.assertEqual(code, 0, path + ": " + said)

    def test_what_is_printed_satisfies_both_and_is_stable(self):
        for path in glob.glob("deploy/examples/*.yaml"):
            _, printed, _ = agent_says(text_of(path))
            self.assertIsNone(schema_complaint(printed), path)
            self.assertEqual(agent_says(printed)[1], printed, path)

    def test_both_know_the_same_keys(self):
        text = text_of("deploy/examples/all-keys.yaml")
        _, printed, _ = agent_says(text)
        known = {told_once(key) for key in keys_of_value(yaml.load(printed, Loader))
                 if not FREE_KEYS.search(key)}
        # Said in one place and printed in another.
        known.add("services.noise.alpha")
        self.assertEqual(known, {told_once(key) for key in keys_of_schema(SCHEMA)})

    def test_every_mistake_is_named_by_the_agent_and_seen_by_the_schema(self):
        for text, sentence, seen_by_schema in BAD:
            code, _, said = agent_says(text)
            self.assertEqual(code, 2, text)
            self.assertIn(sentence, said, text)
            if seen_by_schema:
                self.assertIsNotNone(schema_complaint(text), text)


if __name__ == "__main__":
    unittest.main()
