"""What stands between the agent and a release: the examples of deploy/rollout with the
requests that the tools send, the commands for pipelines, every form of the report, and the
webhook. One agent, three services: one release is good, one is bad, one gets no traffic."""

import base64
import hashlib
import hmac
import html.parser
import json
import re
import subprocess
import unittest
import urllib.parse
import xml.etree.ElementTree as xml

import yaml

from harness import BINARY, ROOT, Lab, until
from rest import Rest

TOKEN = "0123456789abcdef"
SECRET = "a webhook's secret"
MARKUP = "/<img/src=x/onerror=alert(1)>"
GOOD = """location / { return 200 '{"a":1}'; }"""
BAD = """location / { return 200 '{"a":"%s","<b>&":"<script>alert(1)</script>%s"}'; }"""
RECEIVER = """
import http.server, json, sys
class Hook(http.server.BaseHTTPRequestHandler):
    seen = 0
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        Hook.seen += 1
        print(json.dumps({"headers": dict(self.headers), "body": body}), flush=True)
        self.send_response(503 if Hook.seen == 1 else 204)
        self.end_headers()
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", 9100), Hook).serve_forever()
"""


class Tags(html.parser.HTMLParser):
    """Every element with its attributes."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


class RolloutTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab().__enter__()
        cls.addClassCleanup(cls.lab.__exit__)
        cls.host, cls.folder = cls.lab.service, cls.lab.directory
        for port in (8080, 8082):
            cls.host.nginx(port, GOOD, f"service{port}")
            cls.lab.target.nginx(port, GOOD, f"candidate{port}")
        cls.host.nginx(8081, BAD % ("old", 1), "service-bad")
        cls.lab.target.nginx(8081, BAD % ("new", 2), "candidate-bad")
        cls.lab.target.nginx(8091, BAD % ("old", 1), "secondary-bad")
        (cls.folder / "token").write_text(TOKEN + "\n")
        (cls.folder / "secret").write_text(SECRET + "\n")
        cls.receiver = cls.host.start("python3", "-c", RECEIVER, name="receiver")
        until(lambda: cls.host.listens(9100), "the webhook's receiver")
        cls.agent = cls.start_agent()
        cls.api = f"http://{Lab.SERVICE}:9900"
        cls.rest = Rest(cls.host, (Lab.SERVICE, 9900))
        until(lambda: cls.host.listens(9900), f"the API: {cls.agent.errors()}")
        cls.quiet = cls.verdict("quiet")
        cls.send(8080, "/x?i=[1-900]")
        cls.send(8081, "/x?i=[1-60]")
        with cls.lab.client.connect((Lab.SERVICE, 8081)) as raw:
            raw.sendall(f"GET {MARKUP}?i=1 HTTP/1.0\r\nHost: x\r\n\r\n".encode())
            raw.recv(1000)
        until(lambda: cls.verdict("good") == "pass", "the good release passes", 30)
        until(lambda: cls.verdict("bad") == "fail", "the bad release fails", 30)

    @classmethod
    def start_agent(cls):
        service = lambda name, port, more="": (
            f"  - name: {name}\n    ports: [{port}]\n    guard: off\n    targets:\n"
            f"      candidate: {{ url: 'http://{Lab.TARGET}:{port}' }}\n{more}")
        secondary = f"      secondary: {{ url: 'http://{Lab.TARGET}:8091' }}\n"
        config = cls.folder / "shadowtap.yaml"
        config.write_text(f"listen: {Lab.SERVICE}:9900\napi: {{ token_file: {cls.folder}/token }}\n"
                          f"webhook: {{ url: 'http://127.0.0.1:9100/hook', secret_file: {cls.folder}/secret }}\n"
                          "services:\n" + service("good", 8080) + service("bad", 8081, secondary) + service("quiet", 8082))
        return cls.host.start(BINARY, "run", "--config", config, name="agent")

    @classmethod
    def send(cls, port, path):
        cls.lab.client.run("curl", "-sS", "--max-time", "60", "-o", "/dev/null", f"http://{Lab.SERVICE}:{port}{path}", timeout=90)

    @classmethod
    def verdict(cls, service):
        return cls.rest.get(f"/api/v1/verdict?service={service}", Authorization=f"Bearer {TOKEN}").json["verdict"]

    def shadowtap(self, *args):
        more = ("--api", self.api, "--token-file", self.folder / "token")
        done = self.host.run(BINARY, *args, *more, check=False)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    # ---- rollout controllers

    def flagger(self, service, credentials=True, kind="confirm-promotion"):
        """pkg/controller/webhook.go: POST of CanaryWebhookPayload as application/json by Go's
        client, which turns the URL's user into basic authentication."""
        canary = yaml.safe_load((ROOT / "deploy/rollout/flagger-canary.yaml").read_text())
        hooks = {hook["type"]: hook for hook in canary["spec"]["analysis"]["webhooks"]}
        self.assertEqual(set(hooks), {"rollout", "confirm-promotion"})
        hook = hooks[kind]
        self.assertLessEqual(set(hook), {"name", "type", "url", "timeout", "metadata", "muteAlert"})
        self.assertTrue(all(isinstance(value, str) for value in hook["metadata"].values()))
        url = urllib.parse.urlsplit(hook["url"].replace("TOKEN", TOKEN))
        payload = {"name": canary["metadata"]["name"], "namespace": "test", "phase": "Progressing",
                   "checksum": "85d557f47b", "metadata": dict(hook["metadata"], service=service)}
        headers = {"Host": url.hostname, "User-Agent": "Go-http-client/1.1",
                   "Content_Type": "application/json", "Accept_Encoding": "gzip"}
        if credentials:
            user = base64.b64encode(f"{url.username}:{url.password}".encode()).decode()
            headers["Authorization"] = f"Basic {user}"
        return self.rest.call("POST", url.path, json.dumps(payload), **headers)

    def test_flagger_promotes_only_a_pass(self):
        for service, status in (("good", 200), ("bad", 412), ("quiet", 425)):
            for kind in ("rollout", "confirm-promotion"):  # above 202: a failed check, or it waits
                answer = self.flagger(service, kind=kind)
                self.assertEqual(answer.status, status, answer.body)
                self.assertIn(answer.json["verdict"], ("pass", "fail", "inconclusive"))
        self.assertEqual(self.flagger("good", credentials=False).status, 401)
        self.assertEqual(self.flagger("godo").status, 404)

    def argo(self, service):
        """metricproviders/webmetric: GET with the headers given; a status other than 2xx or a
        JSONPath without a value is an error, else conditions are evaluated on the result."""
        template = yaml.safe_load((ROOT / "deploy/rollout/argo-analysis.yaml").read_text())
        (metric,) = template["spec"]["metrics"]
        web = metric["provider"]["web"]
        self.assertLessEqual(set(web), {"url", "method", "headers", "timeoutSeconds", "jsonPath", "insecure", "body", "jsonBody"})
        fill = lambda text: text.replace("{{args.service}}", service).replace("{{args.token}}", TOKEN)
        url = urllib.parse.urlsplit(fill(web["url"]))
        headers = {h["key"]: fill(h["value"]) for h in web["headers"]}
        answer = self.rest.call(web.get("method", "GET"), f"{url.path}?{url.query}", Host=url.netloc,
                                User_Agent="Go-http-client/1.1", Accept_Encoding="gzip", **headers)
        self.assertEqual(answer.status // 100, 2)
        (name,) = re.fullmatch(r"\{\$\.(\w+)\}", web["jsonPath"]).groups()
        holds = lambda condition: re.fullmatch(r'result == "(\w+)"', metric[condition])[1] == answer.json[name]
        return "Failed" if holds("failureCondition") else "Successful" if holds("successCondition") else "Inconclusive"

    def test_argo_rollouts_reads_all_three_verdicts(self):
        self.assertEqual([self.argo(s) for s in ("good", "bad", "quiet")], ["Successful", "Failed", "Inconclusive"])

    # ---- pipelines

    def script(self, name, service, **environment):
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SHADOWTAP_API": self.api, **environment}
        return subprocess.run(self.host.inside([ROOT / "deploy/rollout" / name, service]), env=env,
                              cwd=self.folder, capture_output=True, timeout=60).returncode

    def test_the_shell_pipelines_exit_by_the_verdict(self):
        for service, code in (("good", 0), ("bad", 1), ("quiet", 3), ("godo", 2)):
            self.assertEqual(self.script("pipeline-curl.sh", service, SHADOWTAP_TOKEN=TOKEN, SHADOWTAP_TRIES="2",
                                         SHADOWTAP_PAUSE="0"), code, service)
            self.assertEqual(self.script("pipeline.sh", service, SHADOWTAP=str(BINARY), SHADOWTAP_WAIT="1s",
                                         SHADOWTAP_TOKEN_FILE=str(self.folder / "token")), code, service)
        self.assertEqual(self.script("pipeline-curl.sh", "good", SHADOWTAP_TRIES="1"), 2)  # no token

    def test_the_verdict_command_waits_and_says_why(self):
        code, out, _ = self.shadowtap("verdict", "--service", "bad", "--wait", "30s")
        self.assertEqual(code, 1)
        self.assertIn("$.a", out)
        code, out, _ = self.shadowtap("verdict", "--service", "quiet", "--wait", "500ms")
        self.assertEqual(code, 3)
        self.assertIn("more comparisons", out)
        self.assertEqual(self.shadowtap("verdict", "--service", "good", "--min-compared", "100000")[0], 3)
        code, _, errors = self.shadowtap("verdict", "--service", "goood")
        self.assertEqual((code, "did you mean 'good'" in errors), (2, True), errors)

    def test_pause_and_resume_name_the_service(self):
        self.assertIn("quiet: paused", self.shadowtap("pause", "--service", "quiet")[1])
        self.assertIn("quiet: sending", self.shadowtap("resume", "--service", "quiet")[1])
        code, _, errors = self.shadowtap("pause", "--service", "quite")
        self.assertEqual((code, "did you mean 'quiet'" in errors), (1, True), errors)

    # ---- reports

    def report(self, form, *args):
        code, out, errors = self.shadowtap("report", "--format", form, *args)
        self.assertEqual(code, 0, errors)
        return out

    def test_text_and_markdown_say_what_is_found(self):
        text = self.report("text")
        for part in ("bad: fail", "good: pass", "quiet: inconclusive", "$.a (value)", "captured"):
            self.assertIn(part, text)
        markdown = self.report("md", "--service", "bad")
        self.assertIn("| regression |", markdown)
        self.assertNotIn("<script", markdown)
        self.assertNotIn("<img", markdown)
        rows = [line for line in markdown.splitlines() if line.startswith("|")]
        self.assertEqual({len(re.findall(r"(?<!\\)\|", row)) for row in rows}, {7})

    def test_json_carries_a_schema_number_and_everything(self):
        report = json.loads(self.report("json"))
        self.assertEqual(report["schema"], 1)
        bad = next(s for s in report["services"] if s["name"] == "bad")
        self.assertEqual(bad["verdict"]["verdict"], "fail")
        self.assertIn("$.a", {f["path"] for f in bad["findings"]})

    def test_html_holds_no_markup_of_the_traffic(self):
        page = self.report("html")
        self.assertIn("&lt;script&gt;", page)
        elements = Tags(page).found
        self.assertLessEqual({tag for tag, _ in elements},
                             {"html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "span", "ul", "li",
                              "table", "caption", "thead", "tbody", "tr", "th", "td", "code", "section"})
        names = {name for _, attributes in elements for name in attributes}
        self.assertLessEqual(names, {"lang", "charset", "name", "content", "class", "scope"})

    def test_junit_has_the_shape_that_servers_read(self):
        root = xml.fromstring(self.report("junit"))
        self.assertEqual(root.tag, "testsuites")
        suites = {suite.get("name"): suite for suite in root}
        self.assertEqual(set(suites), {"good", "bad", "quiet"})
        for suite in suites.values():
            cases = suite.findall("testcase")
            self.assertEqual(len(cases), len(suite))
            count = lambda kind: sum(case.find(kind) is not None for case in cases)
            self.assertEqual([int(suite.get(k)) for k in ("tests", "failures", "errors", "skipped")],
                             [len(cases), count("failure"), 0, count("skipped")])
            self.assertTrue(all(case.get("classname") and case.get("name") for case in cases))
            self.assertRegex(suite.get("timestamp"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$")
        self.assertEqual([int(suites[n].get("failures")) > 0 for n in ("good", "bad", "quiet")], [False, True, False])
        self.assertEqual(int(suites["quiet"].get("skipped")), 1)

    # ---- webhook

    def test_the_webhook_is_signed_and_tried_again(self):
        def received():
            return [json.loads(line) for line in self.receiver.output().splitlines()]

        until(lambda: len(received()) >= 3, "a refused delivery, its repeat, and the next one", 30)
        first, second, third = received()[:3]
        self.assertEqual(first["headers"]["X-Shadowtap-Delivery"], second["headers"]["X-Shadowtap-Delivery"])
        self.assertEqual(first["body"], second["body"])
        self.assertNotEqual(third["headers"]["X-Shadowtap-Delivery"], second["headers"]["X-Shadowtap-Delivery"])
        for one in (first, second, third):
            signed = f"{one['headers']['X-Shadowtap-Timestamp']}.{one['body']}".encode()
            expected = "sha256=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
            self.assertEqual(one["headers"]["X-Shadowtap-Signature"], expected)
            self.assertEqual(one["headers"]["Content-Type"], "application/json")
        told = {json.loads(one["body"])["service"] for one in (first, third)}
        self.assertEqual(told, {"good", "bad"})


if __name__ == "__main__":
    unittest.main()
