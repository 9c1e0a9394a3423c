"""Chromium without a head, told what to do over its debugging pipe: JSON messages that end
with a zero byte, in on descriptor 3 and out on 4 (the DevTools protocol)."""

import base64
import fcntl
import json
import os
import select
import subprocess
import time

FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions",
         "--disable-background-networking", "--disable-component-update", "--no-first-run", "--lang=en-US",
         "--remote-debugging-pipe"]


def _pipe():
    """Above 9, so that the shell can put them on 3 and 4 one after the other."""
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in ends]
    for end in ends:
        os.close(end)
    return high


class Chromium:
    def __init__(self, inside, folder):
        """`inside` makes a command one of the agent's host; `folder` is for the profile."""
        (commands, self._out), (self._in, answers) = _pipe(), _pipe()
        argv = ["bash", "-c", f'exec chromium "$@" 3<&{commands} 4>&{answers}', "bash", *FLAGS,
                f"--user-data-dir={folder}/profile", f"--crash-dumps-dir={folder}"]
        self.process = subprocess.Popen(inside(argv), pass_fds=(commands, answers), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        env={**os.environ, "HOME": str(folder), "TZ": "UTC"})
        os.close(commands)
        os.close(answers)
        self._rest, self._next = b"", 0
        self.events = []  # (method, parameters) of everything since the start
        target = self.command("Target.createTarget", url="about:blank")["targetId"]
        self._session = None
        self._session = self.command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log", "Accessibility"):
            self.command(f"{domain}.enable")

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._out)
        os.close(self._in)

    def _message(self, end):
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], max(0, end - time.monotonic()))
            part = os.read(self._in, 1 << 16) if ready else b""
            if not part:
                raise AssertionError("Chromium does not answer")
            self._rest += part
        one, _, self._rest = self._rest.partition(b"\0")
        return json.loads(one)

    def command(self, method, **parameters):
        self._next += 1
        message = {"id": self._next, "method": method, "params": parameters}
        if getattr(self, "_session", None):
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + 60
        while True:
            answer = self._message(end)
            if answer.get("id") == self._next:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                return answer["result"]
            if "method" in answer:
                self.events.append((answer["method"], answer["params"]))

    def evaluate(self, expression):
        result = self.command("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise AssertionError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def open(self, url):
        self.command("Page.navigate", url=url)

    def size(self, width, height):
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def screenshot(self, path):
        """The whole page, for whoever wants to look."""
        data = self.command("Page.captureScreenshot", captureBeyondViewport=True)["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

    def happened(self, method):
        self.evaluate("0")  # takes in what came meanwhile
        return [parameters for name, parameters in self.events if name == method]

    def accessible(self):
        """(role, name) of everything that assistive technology is told of."""
        nodes = self.command("Accessibility.getFullAXTree")["nodes"]
        return [(node.get("role", {}).get("value"), node.get("name", {}).get("value", ""))
                for node in nodes if not node.get("ignored")]
