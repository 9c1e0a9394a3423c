"""A real Prometheus scrapes the real agent: the ledger in PromQL at each scrape, also
after results were deleted and after a restart; alert rules, and the dashboard's queries."""

import json
import re
import shutil
import unittest
import urllib.parse

from harness import ROOT, Agent, Lab, require, until

SERVICE = """location / { return 200 '{"price":10}'; }"""
RULES = ROOT / "deploy/prometheus/shadowtap.rules.yml"
LEDGER = """sum(shadowtap_exchanges_total)
  - sum(shadowtap_comparisons_total{outcome=~"match|noise|ignored|mismatch"})
  - sum(shadowtap_skipped_total) - sum(shadowtap_refused_total)
  - sum(shadowtap_shadow_errors_total) - sum(shadowtap_not_comparable_total)
  - sum(shadowtap_in_flight)"""


class PrometheusTest(unittest.TestCase):
    def setUp(self):
        for program in ("prometheus", "promtool"):
            require(shutil.which(program), program)
        self.lab = Lab().__enter__()
        self.addCleanup(self.lab.__exit__)
        self.host, self.folder = self.lab.service, self.lab.directory
        self.host.nginx(8080, SERVICE, "service")
        self.lab.target.nginx(8080, SERVICE.replace("10", "11"), "candidate")
        self.lab.target.nginx(8081, SERVICE, "secondary")

    def start_agent(self, name):
        args = ["--port", 8080, "--guard", "off", "--candidate", f"http://{Lab.TARGET}:8080", "--secondary",
                f"http://{Lab.TARGET}:8081", "--data-dir", self.folder, "--metrics-listen", "127.0.0.1:9901"]
        return Agent(self.host, args, name).ready()

    def start_prometheus(self):
        (self.folder / "prometheus.yml").write_text(f"""
global: {{ scrape_interval: 1s, evaluation_interval: 1s }}
rule_files: [{RULES}]
scrape_configs: [{{ job_name: shadowtap, static_configs: [{{ targets: ["127.0.0.1:9901"] }}] }}]
""")
        server = self.host.start("prometheus", f"--config.file={self.folder}/prometheus.yml",
                                 f"--storage.tsdb.path={self.folder}/tsdb", "--web.listen-address=127.0.0.1:9090",
                                 name="prometheus")
        # It listens before it answers queries.
        until(lambda: self.host.run("curl", "-sf", "--max-time", "5", "http://127.0.0.1:9090/-/ready",
                                    check=False).returncode == 0, f"prometheus: {server.errors()[-500:]}", 60)

    def ask(self, path):
        answer = json.loads(self.host.curl(f"http://127.0.0.1:9090/api/v1/{path}"))
        self.assertEqual(answer["status"], "success", answer)
        return answer["data"]

    def values(self, query):
        rows = self.ask(f"query?query={urllib.parse.quote(query)}")["result"]
        return [float(row["value"][1]) for row in rows]

    def captured_grows_by(self, more):
        (before,) = self.values("sum(shadowtap_exchanges_total)") or [0]
        until(lambda: (self.values("sum(shadowtap_exchanges_total)") or [0])[0] >= before + more,
              f"{more} more exchanges in Prometheus", 60)

    def test_the_ledger_holds_at_each_scrape_and_the_alerts_fire(self):
        agent = self.start_agent("agent")
        self.start_prometheus()
        until(lambda: self.values("up == 1"), "a scrape", 60)
        load = self.lab.client.start("wrk", "-t1", "-c4", "-d120s", f"http://{Lab.SERVICE}:8080/x", name="load")
        self.captured_grows_by(200)
        self.host.curl("-X", "DELETE", "http://127.0.0.1:9900/api/v1/results")
        self.captured_grows_by(200)
        counters = [name for name in self.ask("label/__name__/values") if re.fullmatch(r"shadowtap_\w+_(total|count|sum|bucket)", name)]
        self.assertGreater(len(counters), 10)
        for name in counters:
            self.assertEqual(self.values(f"sum(resets({name}[5m]))"), [0], name)
        until(lambda: "ShadowtapVerdictFail" in json.dumps(self.ask("alerts")), "the alert", 60)
        agent.stop()
        self.start_agent("again")
        until(lambda: 0 < (self.values("sum(shadowtap_exchanges_total)") or [0])[0], "scrapes after the restart", 60)
        self.captured_grows_by(200)
        load.stop()
        for bound in ("min_over_time", "max_over_time"):
            self.assertEqual(self.values(f"{bound}(({LEDGER})[5m:1s])"), [0], bound)
            self.assertEqual(self.values(f"{bound}(shadowtap:unaccounted_exchanges[5m])"), [0], bound)
        self.check_rules()
        self.check_dashboard()

    def check_rules(self):
        rules = [rule for group in self.ask("rules")["groups"] for rule in group["rules"]]
        self.assertGreater(len(rules), 5)
        self.assertEqual([rule["name"] for rule in rules if rule["health"] != "ok"], [])

    def check_dashboard(self):
        dashboard = json.loads((ROOT / "deploy/grafana/shadowtap.json").read_text())
        queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
        known = set(self.ask("label/__name__/values"))
        for query in queries:
            concrete = query.replace("$service", ".*").replace("$__rate_interval", "1m")
            self.values(concrete)
            names = set(re.findall(r"\b((?:shadowtap|process)_[a-z_]+)", query))
            self.assertLessEqual(names, known, query)

    def test_rules_are_clean_and_pass_their_own_tests(self):
        for command in ("check", "test"):
            file = RULES if command == "check" else RULES.with_suffix("").with_suffix(".rules.test.yml")
            done = self.host.run("promtool", command, "rules", file, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
