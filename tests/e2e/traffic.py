"""A client of a test: keep-alive connections in threads; prints what it saw as JSON.

traffic.py ADDRESS PORT THREADS SECONDS|COUNTx PAUSE_MS METHOD...
"""

import http.client
import json
import sys
import threading
import time

address, port, threads, amount, pause, *methods = sys.argv[1:]
count = int(amount[:-1]) if amount.endswith("x") else None
end = None if count else time.monotonic() + float(amount)
seen, failed, lock = [], 0, threading.Lock()


def client(number):
    global failed
    connection = http.client.HTTPConnection(address, int(port), timeout=20)
    mine = range(number, count, int(threads)) if count else iter(int, 1)
    for i in mine:
        start = time.monotonic()
        if end and start > end:
            break
        method = methods[i % len(methods)]
        body = b"p" * (i % 2000) if method in ("POST", "PUT") else None
        try:
            connection.request(method, f"/{method.lower()}?{i}", body)
            connection.getresponse().read()
            took = 1000 * (time.monotonic() - start)
            with lock:
                seen.append((start, took))
        except OSError:
            failed += 1
            connection.close()
        time.sleep(float(pause) / 1000)


workers = [threading.Thread(target=client, args=(n,)) for n in range(int(threads))]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
took = sorted(ms for _, ms in seen)
print(json.dumps({"ok": len(seen), "failed": failed, "p90": took[len(took) * 9 // 10] if took else None}))
