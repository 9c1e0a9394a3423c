"""What a shadowed and diffed exchange costs, live: nginx serves, nginx is the candidate.

Prints agent CPU per exchange at a steady load (keep-alive connections that pause between
requests), what wrk as a bare client spends per request in the same run, lost exchanges
and RSS. Figures of one run; compare them with each
other, not with another day's.
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


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mib(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) / 1024


def load(lab, delay_ms, name):
    script = lab.directory / f"{name}.lua"
    script.write_text(f"function delay() return {delay_ms} end\n" if delay_ms else "")
    wrk = lab.client.start("wrk", "-t1", "-c32", f"-d{SECONDS}s", "-s", script,
                           f"http://{Lab.SERVICE}:8080/", name=name)
    spent = 0
    while wrk.process.poll() is None:
        try:
            spent = cpu_seconds(wrk.pid)
        except (FileNotFoundError, ProcessLookupError):
            break
        time.sleep(0.05)
    return int(re.search(r"(\d+) requests in", wrk.output())[1]), spent


def total(service, part):
    return sum(service[part].values())


def measure(lab, agent, delay_ms, name):
    before, cpu = agent.ledger(), cpu_seconds(agent.process.pid)
    requests, wrk_cpu = load(lab, delay_ms, name)
    after = until(lambda: (l := agent.ledger())["in_flight"] == 0 and l, "all exchanges end", 30)
    spent = cpu_seconds(agent.process.pid) - cpu
    compared = after["compared"] - before["compared"]
    lost = sum(total(after, p) - total(before, p) for p in ("refused", "shadow_error", "not_comparable"))
    unseen = requests - (after["captured"] - before["captured"])
    packets = sum(agent.coverage()["capture"]["lost"].values())
    print(f"{name}: {requests / SECONDS:.0f} requests/s, {compared} compared, not compared {lost}, "
          f"unseen {max(unseen, 0)}, packets lost {packets}")
    if compared:
        print(f"  agent CPU per exchange {1e6 * spent / compared:.1f} us; "
              f"wrk as a bare client {1e6 * wrk_cpu / requests:.1f} us; RSS {rss_mib(agent.process.pid):.0f} MiB")


def main():
    with Lab() as lab:
        location = f"location / {{ return 200 '{BODY}'; }}"
        for host, name in ((lab.service, "service"), (lab.target, "candidate")):
            host.nginx(8080, location, name)
        agent = Agent(lab.service, ["--port", 8080, "--candidate", f"http://{Lab.TARGET}:8080",
                                    "--ignore", "headers.date"]).ready()
        load(lab, 10, "warm-up")
        measure(lab, agent, 10, "steady")
        measure(lab, agent, 0, "saturated")
        idle, at = cpu_seconds(agent.process.pid), time.monotonic()
        time.sleep(3)  # what is measured: three seconds with nothing to do
        print(f"idle agent: {100 * (cpu_seconds(agent.process.pid) - idle) / (time.monotonic() - at):.2f} % of a core")


if __name__ == "__main__":
    main()
