"""What a shadowed and diffed exchange costs, live: nginx serves, nginx is the candidate.

Under a steady load (keep-alive connections that pause between requests), then with ever
shorter pauses until nothing is held back, prints beside the marks: lost exchanges, agent CPU
per exchange by thread, what wrk as a bare client spends per request in the same run, new
connections per exchange, how soon a shadow leaves after its request, and RSS; in the end the
highest rate at which nothing was lost. Figures of one run; compare them with each other, not
with another day's. SHADOWTAP_BENCH_SECONDS and SHADOWTAP_BENCH_DELAY_MS (comma separated)
choose other loads.
"""

import os
import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from harness import Agent, Lab, until  # noqa: E402

BODY = '{"id":1,"name":"a small answer","tags":["a","b","c"],"price":12.5,"text":"' + "x" * 110 + '"}'
SECONDS = int(os.environ.get("SHADOWTAP_BENCH_SECONDS", "5"))
DELAYS = [int(ms) for ms in os.environ.get("SHADOWTAP_BENCH_DELAY_MS", "10,5,3,2,1,0").split(",")]


def thread_cpu(pid):
    """Nanoseconds on a CPU, by thread name."""
    spent = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        name = re.sub(r"-\d+$", "", (task / "comm").read_text().strip())
        spent[name] = spent.get(name, 0) + int((task / "schedstat").read_text().split()[0])
    return spent


def rss_mib(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) / 1024


def load(lab, delay_ms, name):
    """Requests done, and the CPU nanoseconds wrk spent on them."""
    script = lab.directory / f"{name}.lua"
    script.write_text(f"function delay() return {delay_ms} end\n" if delay_ms else "")
    wrk = lab.client.start("wrk", "-t1", "-c32", f"-d{SECONDS}s", "-s", script,
                           f"http://{Lab.SERVICE}:8080/", name=name)
    spent = 0
    while wrk.process.poll() is None:
        try:
            spent = max(spent, sum(thread_cpu(wrk.pid).values()))  # its threads end first
        except (FileNotFoundError, ProcessLookupError):
            break
        time.sleep(0.05)
    return int(re.search(r"(\d+) requests in", wrk.output())[1]), spent


def send_delays(agent):
    """Cumulative counts of the candidate's histogram by upper bound in seconds."""
    rows = re.findall(r'shadowtap_send_delay_seconds_bucket\{[^}]*role="candidate",le="([^"]+)"\} (\d+)',
                      agent.text("/metrics"))
    return {float(bound): int(n) for bound, n in rows}


class Figures:
    """What the agent counted so far."""

    def __init__(self, agent):
        self.ledger = until(lambda: (l := agent.ledger())["in_flight"] == 0 and l, "all exchanges end", 30)
        self.cpu = thread_cpu(agent.process.pid)
        (service,) = agent.get("/api/v1/status")["services"]
        self.connections = service["targets"][0]["connections_opened"]
        self.delays = send_delays(agent)
        self.lost_packets = sum(agent.coverage()["capture"]["lost"].values())

    def lost(self):
        return sum(sum(self.ledger[p].values()) for p in ("refused", "shadow_error", "not_comparable"))


def mark(what, value, limit, unit=""):
    print(f"  {what:<52} {value:9.4g} {unit:<3} (mark: <= {limit:g}){'' if value <= limit else ' MISSED'}")


def measure(lab, agent, delay_ms, name):
    before = Figures(agent)
    requests, wrk_ns = load(lab, delay_ms, name)
    after = Figures(agent)
    compared = after.ledger["compared"] - before.ledger["compared"]
    captured = after.ledger["captured"] - before.ledger["captured"]
    lost = after.lost() - before.lost() + max(requests - captured, 0)
    print(f"{name}: {requests / SECONDS:.0f} requests/s, {compared} compared")
    for part in ("skipped", "refused", "shadow_error", "not_comparable"):
        for reason, n in after.ledger[part].items():
            more = n - before.ledger[part].get(reason, 0)
            if more:
                print(f"  {part} {reason}: {more}")
    mark("exchanges lost or not compared", lost, 0)
    mark("packets lost", after.lost_packets - before.lost_packets, 0)
    rate = requests / SECONDS
    if not compared:
        return rate, lost
    spent = {n: (ns - before.cpu.get(n, 0)) / compared / 1e3 for n, ns in after.cpu.items()}
    total, wrk = sum(spent.values()), wrk_ns / requests / 1e3
    mark("agent CPU per exchange", total, 25, "us")
    print("    " + ", ".join(f"{n} {us:.1f}" for n, us in sorted(spent.items(), key=lambda s: -s[1]) if us >= 0.05))
    mark(f"times wrk as a bare client ({wrk:.1f} us a request)", total / wrk, 2.5)
    mark("new target connections per exchange", (after.connections - before.connections) / compared, 0.01)
    late = {b: n - before.delays.get(b, 0) for b, n in after.delays.items()}
    if late.get(float("inf")):
        sent = late[float("inf")]
        p99 = min(bound for bound, n in late.items() if n >= 0.99 * sent)
        mark("first shadow byte after the request's last, p99 within", 1e3 * p99, 2, "ms")
        print("    " + ", ".join(f"{100 * n / sent:.2f} % in {1e3 * b:g} ms" for b, n in sorted(late.items())
                                 if b < 0.1))
    print(f"  RSS {rss_mib(agent.process.pid):.0f} MiB")
    return rate, lost


def main():
    with Lab() as lab:
        location = f"location / {{ return 200 '{BODY}'; }}"
        for host, name in ((lab.service, "service"), (lab.target, "candidate")):
            host.nginx(8080, location, name)
        agent = Agent(lab.service, ["--port", 8080, "--candidate", f"http://{Lab.TARGET}:8080",
                                    "--ignore", "headers.date", "--guard", "off"]).ready()
        load(lab, 10, "warm-up")
        measured = [measure(lab, agent, delay, f"steady, pauses of {delay} ms" if delay else "saturated")
                    for delay in DELAYS]
        lossless = [rate for rate, lost in measured if lost == 0]
        print(f"highest rate without a loss: {max(lossless, default=0):.0f} requests/s")
        idle, at = sum(thread_cpu(agent.process.pid).values()), time.monotonic()
        time.sleep(3)  # what is measured: three seconds with nothing to do
        spent = sum(thread_cpu(agent.process.pid).values()) - idle
        print(f"idle agent: {100 * spent / 1e9 / (time.monotonic() - at):.2f} % of a core")


if __name__ == "__main__":
    main()
