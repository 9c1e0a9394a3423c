"""The page in Chromium, on the real agent between real servers, in a network that leads
nowhere else. SHADOWTAP_SCREENSHOTS=FOLDER keeps a picture of each view."""

import os
import pathlib
import shutil
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from chromium import Chromium
from harness import Agent, Lab, require, until
from rest import Rest

PAGE = "http://127.0.0.1:9900/"
HOSTILE = "<img src=x onerror=owned=1><script>owned=1</script>"
SERVICE = f"""
location ~ ^/price/ {{ return 200 '{{"price":10,"note":"{HOSTILE}","stock":3}}'; }}
location / {{ return 200 '{{"a":1}}'; }}
"""
CANDIDATE = SERVICE.replace('"price":10', '"price":11').replace("</script>", "</script>?")
NAMED = {"button", "link", "combobox", "textbox", "region", "image", "table"}


class PageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        require(shutil.which("chromium"), "chromium")
        cls.lab = Lab().__enter__()
        cls.addClassCleanup(cls.lab.__exit__)
        cls.host = cls.lab.service
        cls.host.nginx(8080, SERVICE, "service")
        cls.lab.target.nginx(8080, CANDIDATE, "candidate")
        cls.lab.target.nginx(8081, SERVICE, "secondary")
        config = cls.lab.directory / "shadowtap.yaml"
        config.write_text(f"""
services:
  - name: orders
    ports: [8080]
    guard: off
    targets:
      candidate: {{ url: "http://{Lab.TARGET}:8080" }}
      secondary: {{ url: "http://{Lab.TARGET}:8081" }}
  - name: idle
    ports: [8090]
""")
        cls.agent = Agent(cls.host, ["--config", config]).ready()
        cls.rest = Rest(cls.host)
        cls.browser = Chromium(cls.host.inside, cls.lab.directory)
        cls.addClassCleanup(cls.browser.close)
        cls.browser.size(1280, 900)
        for path in ("/price/[1-40]", "/same?i=[1-20]"):
            cls.lab.client.run("curl", "-sS", "-o", "/dev/null", f"http://{Lab.SERVICE}:8080{path}")
        with cls.lab.client.connect((Lab.SERVICE, 8080)) as raw:
            raw.sendall(b"GET /price/<img/src=x/onerror=owned=1>?q=<script>owned=1</script> HTTP/1.0\r\n\r\n")
            raw.recv(1000)
        until(lambda: cls.rest.get("/api/v1/verdict?service=orders").json["verdict"] == "fail", "the verdict", 30)

    def setUp(self):
        self.browser.open("about:blank")
        self.browser.events.clear()

    def tearDown(self):
        self.assertIsNone(self.browser.evaluate("window.owned"))
        self.assertEqual(self.outside(), set())
        self.assertEqual(self.browser.happened("Runtime.exceptionThrown"), [])

    def outside(self):
        """What was asked of somebody else and not stopped by the policy."""
        blocked = {f["requestId"] for f in self.browser.happened("Network.loadingFailed") if f.get("blockedReason") == "csp"}
        return {r["request"]["url"] for r in self.browser.happened("Network.requestWillBeSent")
                if r["requestId"] not in blocked and not r["request"]["url"].startswith((PAGE, "data:", "about:"))}

    def errors(self):
        return [e["entry"]["text"] for e in self.browser.happened("Log.entryAdded") if e["entry"]["level"] == "error"]

    def show(self, where, until_there):
        self.browser.open("about:blank")
        self.browser.open(PAGE + where)
        self.wait(until_there)
        folder = os.environ.get("SHADOWTAP_SCREENSHOTS")
        if folder:
            self.browser.screenshot(f"{folder}/{self.id().rsplit('.', 1)[1]}.png")

    def wait(self, text):
        until(lambda: text in self.text(), f"'{text}' on the page: {self.text()[:2000]}", 30)

    def text(self):
        return self.browser.evaluate("document.body ? document.body.innerText : ''")

    def click(self, selector):
        self.browser.evaluate(f"document.querySelector({selector!r}).click()")

    def fits(self):
        return self.browser.evaluate("document.documentElement.scrollWidth <= innerWidth")

    def test_the_first_view_says_verdict_findings_and_coverage(self):
        self.show("", "Endpoints")
        text = self.text()
        for part in ("fail", "$.price", "10 → 11", "61 exchanges captured", "/price/{id}", f"http://{Lab.TARGET}:8080"):
            self.assertIn(part, text)
        self.assertTrue(self.fits())
        self.assertEqual(self.errors(), [])

    def test_a_service_without_traffic_or_target_says_what_to_do(self):
        self.show("?service=idle", "No exchange yet")
        text = self.text()
        self.assertIn("observing only", text)
        self.assertIn("--candidate URL", text)
        self.assertNotIn("Pause", text)
        self.assertIn("8090", text)

    def test_from_a_finding_to_one_exchange_by_links(self):
        self.show("", "Endpoints")
        self.click("a[href*='%24.price']")
        self.wait("Samples at $.price")
        self.click("a[href^='#/diff/']")
        self.wait("Responses")
        marked = self.browser.evaluate("[...document.querySelectorAll('.changed')].map((e) => e.innerText).join('|')")
        self.assertIn('"price": 10', marked)
        self.assertIn('"price": 11', marked)
        self.assertNotIn('"stock"', marked)
        self.click("main section button")
        self.wait("Sent again")
        self.assertIn("mismatch", self.text())
        if folder := os.environ.get("SHADOWTAP_SCREENSHOTS"):
            self.browser.screenshot(f"{folder}/one_exchange.png")

    def test_captured_markup_stays_text(self):
        endpoint = next(e for e in self.rest.get("/api/v1/endpoints?service=orders").json["endpoints"] if "price" in e["route"])
        self.show(f"#/endpoint/{endpoint['id']}/%24.note", "onerror")
        hostile = self.rest.get("/api/v1/diffs?service=orders&path=%24.note&limit=1").json["diffs"][0]
        self.show(f"#/diff/{hostile['id']}", "onerror")
        self.assertEqual(self.browser.evaluate("document.querySelectorAll('img, main script').length"), 0)
        self.show("#/endpoint/%3Cimg%20src=x%20onerror=owned=1%3E", "no such endpoint")
        self.show("#/%E0%A4%A", "shadowtap")

    def test_the_policy_stops_scripts_that_are_not_ours(self):
        self.show("", "Endpoints")
        self.browser.evaluate("{ const s = document.createElement('script'); s.textContent = 'owned=1'; document.body.append(s); }")
        self.browser.evaluate("{ const i = document.createElement('img'); i.src = 'http://192.0.2.1/x'; document.body.append(i); }")
        until(lambda: len([e for e in self.errors() if "Content Security Policy" in e]) >= 2, "both are stopped")
        policy = self.rest.get("/").headers["Content-Security-Policy"]
        self.assertIn("default-src 'none'", policy)

    def test_pause_is_one_click_and_so_is_resume(self):
        paused = lambda: self.rest.get("/api/v1/status").json["services"][0]["paused"]
        self.show("", "Endpoints")
        self.click("#sending button")
        self.wait("resume")
        self.assertTrue(paused())
        self.click("#sending button")
        until(lambda: not paused(), "sending again")

    def test_everything_that_can_be_used_has_a_name(self):
        for where, there in (("", "Endpoints"), ("?service=idle", "No exchange yet")):
            self.show(where, there)
            nodes = self.browser.accessible()
            self.assertEqual([n for n in nodes if n[0] in NAMED and not n[1].strip()], [])
            self.assertIn(("combobox", "Service"), nodes)
        self.assertEqual(self.browser.evaluate("document.documentElement.lang"), "en")

    def test_a_narrow_window_scrolls_only_tables(self):
        self.browser.size(360, 740)
        self.addCleanup(self.browser.size, 1280, 900)
        self.show("", "Endpoints")
        self.assertTrue(self.fits())
        diff = self.rest.get("/api/v1/diffs?service=orders&limit=1").json["diffs"][0]["id"]
        self.show(f"#/diff/{diff}", "Responses")
        self.assertTrue(self.fits())


if __name__ == "__main__":
    unittest.main()
