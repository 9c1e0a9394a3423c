"""What capture alone costs a saturated service: nginx and wrk in namespaces, in turn with
nothing beside them, with `tcpdump -w /dev/null`, and with our tap and a drained ring.

Prints each observer's throughput ratio to the same round's run without one (median, least
and greatest of the rounds) and its CPU per 100,000 requests. Load generator, service and
observer share the cores: only ratios of one run mean anything.
"""

import os
import pathlib
import re
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from harness import BINARY, Lab, require, until  # noqa: E402
import shutil  # noqa: E402

ROUNDS = int(os.environ.get("SHADOWTAP_BENCH_ROUNDS", "7"))
SECONDS = int(os.environ.get("SHADOWTAP_BENCH_SECONDS", "2"))
PORT = 8080
BODIES = {"200 B": "x" * 189, "10 KiB": "x" * 3000}  # nginx refuses longer words: see location()
CAPTURE_ONLY = BINARY.parent / "bench" / "capture_only"


def location(name, body):
    """`return` takes up to 4 KiB a word; several make a longer one."""
    times = 1 if name == "200 B" else 3
    variables = "".join(f"set $b{i} '{body}'; " for i in range(times))
    text = "".join(f"${{b{i}}}" for i in range(times))
    return f"location / {{ access_log off; {variables} return 200 \"{text}\"; }}"


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load(lab):
    url = f"http://{Lab.SERVICE}:{PORT}/"
    out = lab.client.run("wrk", "-t1", "-c64", f"-d{SECONDS}s", url, timeout=SECONDS + 30).stdout.decode()
    return int(re.search(r"(\d+) requests in", out)[1])


def nothing(lab):
    return load(lab), 0.0, ""


def tcpdump(lab):
    device = until(lambda: re.search(r"(\S+?)[@:]", lab.service.run(
        "ip", "-o", "-4", "route", "get", Lab.CLIENT).stdout.decode().split("dev ")[1].replace(" ", ":"))[1], "device")
    process = lab.service.start("tcpdump", "-Z", "root", "-i", device, "-w", "/dev/null", "tcp", "port", PORT)
    until(lambda: "listening on" in process.errors(), "tcpdump listens")
    requests, spent = load(lab), cpu_seconds(process.pid)
    process.stop()
    return requests, spent, " ".join(process.errors().split("\n")[-4:])


def ours(lab):
    process = lab.service.start(CAPTURE_ONLY, PORT)
    until(lambda: "ready" in process.output(), f"the tap is ready: {process.errors()}")
    requests = load(lab)
    process.stop()
    said = process.output().splitlines()[-1]
    return requests, float(said.rsplit(" ", 1)[1]), said


def measure(name, body):
    observers = [nothing, tcpdump, ours]
    seen = {o: [] for o in observers}
    with Lab() as lab:
        lab.service.nginx(PORT, location(name, body), "service")
        load(lab)  # warm-up
        for turn in range(ROUNDS):
            for o in observers[turn % 3:] + observers[:turn % 3]:
                seen[o].append(o(lab))
    rates = statistics.median(r for r, _, _ in seen[nothing]) / SECONDS
    print(f"{name} answers, {ROUNDS} interleaved rounds, {rates:.0f} requests/s with no observer")
    medians = {}
    for o in (tcpdump, ours):
        ratios = sorted(with_it[0] / alone[0] for with_it, alone in zip(seen[o], seen[nothing]))
        cost = statistics.median(1e5 * cpu / n for n, cpu, _ in seen[o])
        medians[o] = statistics.median(ratios)
        print(f"  {o.__name__:8} ratio {medians[o]:.2f} [{ratios[0]:.2f} .. {ratios[-1]:.2f}], "
              f"CPU {cost:.3f} s per 100,000 requests")
    print(f"  last: {seen[ours][-1][2]}")
    good = medians[ours] >= medians[tcpdump]
    print(f"  mark: no worse than tcpdump: {'ok' if good else 'MISSED'}")
    return good


def main():
    for program in ("wrk", "tcpdump"):
        require(shutil.which(program), program)
    require(CAPTURE_ONLY.exists(), f"{CAPTURE_ONLY} (tests/bench/run.sh builds it)")
    results = [measure(name, body) for name, body in BODIES.items()]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
