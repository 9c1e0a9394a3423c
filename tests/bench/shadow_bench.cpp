// What sending one exchange costs this process: submit, compose, send, receive, parse,
// hand over. A small nginx-like target runs in a process of its own; wrk's cost per
// request as a bare client of the same target, if wrk is there, is measured in the same
// run. Prints one line a mark and fails where a mark is missed.
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <deque>

#include "tests/e2e/shadow_fixture.h"

namespace shadowtap::shadow::test {
namespace {

using namespace std::chrono_literals;

double cpu_seconds(int who) {
  rusage usage{};
  ::getrusage(who, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

struct Server : Program {
  std::uint16_t port = free_port();
  Server() {
    write(
        "nginx.conf",
        "daemon off; master_process off; pid " + directory() + "/pid; error_log " +
            directory() +
            "/error.log;\nevents {}\nhttp { access_log off; keepalive_requests 100000000;\n"
            "client_body_temp_path " +
            directory() + "/b; proxy_temp_path " + directory() + "/p; fastcgi_temp_path " +
            directory() + "/f; uwsgi_temp_path " + directory() + "/u; scgi_temp_path " +
            directory() + "/s;\nserver { listen 127.0.0.1:" + std::to_string(port) +
            "; default_type application/json; location / { return 200 "
            "'{\"id\":1,\"name\":\"a thing\",\"tags\":[\"x\",\"y\"],\"price\":12.5}'; } } }\n");
    start({"nginx", "-p", directory(), "-e", directory() + "/error.log", "-c",
           directory() + "/nginx.conf"});
    wait_for_port(port);
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port); }
};

struct Measured {
  double cpu_us = 0;
  double connections = 0;
  Duration wait_p99{};  // submit -> first byte sent
};

// `in_flight` exchanges at a time, each on its own client connection.
Measured measure(const std::string& url, int total, int in_flight) {
  Bench bench;
  bench.add(Role::kCandidate, url).queue = 10000;
  bench.dispatch.impact.on = false;
  bench.start();
  struct Open {
    http::Exchange exchange;
    Time submitted;
  };
  std::deque<Open> open;
  std::vector<Duration> waits;
  std::size_t done = 0;
  std::uint64_t connection = 0;
  const auto submit = [&] {
    Open& next = open.emplace_back();
    next.exchange = exchange_of("GET", "/things/1?q=abc", ++connection % 256);
    for (const char* line : {"User-Agent", "Accept", "Accept-Encoding", "Accept-Language"}) {
      next.exchange.request.headers.append(line, "some usual value, about forty bytes");
    }
    next.submitted = Time::clock::now();
    bench.dispatcher->submit(next.exchange);
  };
  const double before = cpu_seconds(RUSAGE_SELF);
  for (int i = 0; i < in_flight; ++i) submit();
  Time tick;
  while (done < static_cast<std::size_t>(total)) {
    bench.io.restart();
    if (bench.io.poll() == 0) bench.io.run_one_for(1ms);
    const Time now = Time::clock::now();
    if (now - tick > 10ms) bench.dispatcher->tick(tick = now);
    while (!open.empty()) {
      const TargetOutcome* outcome = bench.sink.find(open.front().exchange.id);
      if (outcome == nullptr) break;
      waits.push_back(std::get<http::Answer>(*outcome).sent - open.front().submitted);
      bench.sink.outcomes.erase({open.front().exchange.id, Role::kCandidate});
      open.pop_front();
      ++done;
      submit();
    }
    bench.sink.order.clear();
  }
  Measured measured;
  measured.cpu_us = (cpu_seconds(RUSAGE_SELF) - before) / total * 1e6;
  measured.connections =
      static_cast<double>(bench.dispatcher->status()[0].connections_opened) / total;
  std::sort(waits.begin(), waits.end());
  measured.wait_p99 = waits[waits.size() * 99 / 100];
  bench.dispatcher->stop();
  return measured;
}

// CPU of one wrk request in µs, or 0.
double wrk_cost(const Server& server) {
  const double before = cpu_seconds(RUSAGE_CHILDREN);
  if (!server.run({"wrk", "-t1", "-c16", "-d2s", server.url() + "/things/1?q=abc"})) return 0;
  const double spent = cpu_seconds(RUSAGE_CHILDREN) - before;
  std::FILE* file = std::fopen((server.directory() + "/stdout").c_str(), "r");
  if (file == nullptr) return 0;
  double requests = 0;
  char line[256];
  while (std::fgets(line, sizeof line, file) != nullptr) {
    double n = 0;
    if (std::sscanf(line, " %lf requests in", &n) == 1) requests = n;
  }
  std::fclose(file);
  return requests > 0 ? spent / requests * 1e6 : 0;
}

int check(const char* what, double value, double limit, const char* unit) {
  const bool good = value <= limit;
  std::printf("%-48s %10.4f %-6s (mark: <= %g) %s\n", what, value, unit, limit,
              good ? "" : "MISSED");
  return good ? 0 : 1;
}

int run() {
  Server server;
  measure(server.url(), 2000, 16);  // warms both up
  const Measured measured = measure(server.url(), 50000, 16);
  const double wrk = wrk_cost(server);
  int missed = check("sending: CPU per exchange", measured.cpu_us, 25, "us");
  missed += check("sending: new connections per exchange", measured.connections, 0.01, "");
  missed += check("sending: request complete to first byte, p99",
                  static_cast<double>(measured.wait_p99.count()) / 1e6, 2, "ms");
  if (wrk > 0) {
    std::printf("%-48s %10.4f us\n", "wrk: CPU per request, bare client", wrk);
    missed += check("sending: times wrk", measured.cpu_us / wrk, 2.5, "");
  }
  return missed;
}

}  // namespace
}  // namespace shadowtap::shadow::test

int main() {
  return shadowtap::shadow::test::run() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
