// Real servers as targets: nginx (plain, TLS, client certificates), HAProxy, Node.
#include <gtest/gtest.h>

#include <deque>

#include "tests/e2e/shadow_fixture.h"

namespace shadowtap::shadow::test {
namespace {

using namespace std::chrono_literals;

// A certificate authority, a server certificate for localhost and a client's.
void make_certificates(const Program& home) {
  const std::string& d = home.directory();
  const std::vector<std::string> ca{
      "openssl",     "req",  "-x509",       "-newkey", "rsa:2048", "-nodes", "-keyout",
      d + "/ca.key", "-out", d + "/ca.pem", "-days",   "2",        "-subj",  "/CN=test CA"};
  ASSERT_TRUE(home.run(ca));
  home.write("names.cnf", "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
  for (const std::string name : {"server", "client"}) {
    ASSERT_TRUE(home.run({"openssl", "req", "-newkey", "rsa:2048", "-nodes", "-keyout",
                          d + "/" + name + ".key", "-out", d + "/" + name + ".csr", "-subj",
                          "/CN=" + name}));
    ASSERT_TRUE(
        home.run({"openssl", "x509", "-req", "-in", d + "/" + name + ".csr", "-CA",
                  d + "/ca.pem", "-CAkey", d + "/ca.key", "-CAcreateserial", "-out",
                  d + "/" + name + ".pem", "-days", "2", "-extfile", d + "/names.cnf"}));
  }
}

std::string nginx_conf(const Program& home, std::uint16_t port, const std::string& tls,
                       const std::string& extra = "") {
  const std::string& d = home.directory();
  return "daemon off; master_process off; pid " + d + "/pid; error_log " + d +
         "/error.log;\nevents {}\nhttp { access_log off; client_body_temp_path " + d +
         "/body; proxy_temp_path " + d + "/proxy; fastcgi_temp_path " + d +
         "/fastcgi; uwsgi_temp_path " + d + "/uwsgi; scgi_temp_path " + d +
         "/scgi; keepalive_requests 1000000;\nserver { listen 127.0.0.1:" +
         std::to_string(port) + (tls.empty() ? "" : " ssl") + "; " + tls + extra +
         "location / { return 200 \"hello $uri $ssl_client_s_dn\"; } } }\n";
}

struct Nginx : Program {
  std::uint16_t port = free_port();

  void serve(const std::string& tls, const std::string& extra = "") {
    write("nginx.conf", nginx_conf(*this, port, tls, extra));
    start({"nginx", "-p", directory(), "-e", directory() + "/error.log", "-c",
           directory() + "/nginx.conf"});
    ASSERT_TRUE(wait_for_port(port));
  }
  std::string tls() const {
    return "ssl_certificate " + directory() + "/server.pem; ssl_certificate_key " +
           directory() + "/server.key; ";
  }
};

http::Answer one_get(Bench& bench, const std::string& target = "/x") {
  const http::Exchange exchange = exchange_of("GET", target);
  const std::size_t before = bench.sink.count();
  bench.dispatcher->submit(exchange);
  EXPECT_TRUE(bench.run_until_answers(before + 1));
  return bench.sink.answer(exchange.id);
}

TEST(Servers, NginxOverTlsIsVerified) {
  Nginx nginx;
  ASSERT_NO_FATAL_FAILURE(make_certificates(nginx));
  ASSERT_NO_FATAL_FAILURE(nginx.serve(nginx.tls()));
  const std::string ca = nginx.directory() + "/ca.pem";
  struct Case {
    const char* host;
    std::string ca_file;
    std::string server_name;
    bool insecure;
    http::AnswerError expected;
  };
  const Case cases[] = {
      {"localhost", ca, "", false, http::AnswerError::kNone},
      {"127.0.0.1", ca, "", false, http::AnswerError::kNone},
      {"127.0.0.1", ca, "localhost", false, http::AnswerError::kNone},
      {"127.0.0.1", ca, "elsewhere.example", false, http::AnswerError::kTls},
      {"127.0.0.1", "", "", false, http::AnswerError::kTls},  // the system does not know our CA
      {"127.0.0.1", "", "", true, http::AnswerError::kNone},
  };
  for (const Case& c : cases) {
    Bench bench;
    TargetOptions& target = bench.add(
        Role::kCandidate, std::string("https://") + c.host + ":" + std::to_string(nginx.port));
    target.tls = {c.ca_file, "", "", c.server_name, c.insecure};
    bench.start();
    const http::Answer answer = one_get(bench);
    EXPECT_EQ(answer.error, c.expected) << c.host << c.ca_file << c.server_name;
    EXPECT_EQ(answer.response.body.bytes, answer.ok() ? "hello /x " : "");
    EXPECT_EQ(bench.dispatcher->status()[0].insecure, c.insecure);
  }
}

TEST(Servers, NginxOverTlsKeepsItsConnections) {
  Nginx nginx;
  ASSERT_NO_FATAL_FAILURE(make_certificates(nginx));
  ASSERT_NO_FATAL_FAILURE(nginx.serve(nginx.tls()));
  Bench bench;
  bench.add(Role::kCandidate, "https://localhost:" + std::to_string(nginx.port)).tls.ca_file =
      nginx.directory() + "/ca.pem";
  bench.start();
  for (int i = 0; i < 300; ++i) EXPECT_TRUE(one_get(bench).ok());
  EXPECT_EQ(bench.dispatcher->status()[0].connections_opened, 1u);
}

TEST(Servers, AClientCertificateIsShown) {
  Nginx nginx;
  ASSERT_NO_FATAL_FAILURE(make_certificates(nginx));
  const std::string& d = nginx.directory();
  ASSERT_NO_FATAL_FAILURE(nginx.serve(nginx.tls() + "ssl_client_certificate " + d +
                                      "/ca.pem; ssl_verify_client on; "));
  Bench bench;
  TargetOptions& target =
      bench.add(Role::kCandidate, "https://localhost:" + std::to_string(nginx.port));
  target.tls = {d + "/ca.pem", d + "/client.pem", d + "/client.key", "", false};
  bench.start();
  EXPECT_EQ(one_get(bench).response.body.bytes, "hello /x CN=client");
  Bench without;
  without.add(Role::kCandidate, target.url).tls.ca_file = d + "/ca.pem";
  without.start();
  EXPECT_EQ(one_get(without).response.status, 400);
}

TEST(Servers, ATlsTargetThatSpeaksPlainIsATlsError) {
  Nginx nginx;
  ASSERT_NO_FATAL_FAILURE(nginx.serve(""));
  Bench bench;
  bench.add(Role::kCandidate, "https://127.0.0.1:" + std::to_string(nginx.port)).tls.insecure =
      true;
  bench.start();
  EXPECT_EQ(one_get(bench).error, http::AnswerError::kTls);
}

TEST(Servers, NginxKeepsOneConnectionForThousandsOfRequests) {
  Nginx nginx;
  ASSERT_NO_FATAL_FAILURE(nginx.serve("",
                                      "location /empty { return 204; } "
                                      "location /not { return 304; } "));
  Bench bench;
  bench.add(Role::kCandidate, "http://127.0.0.1:" + std::to_string(nginx.port));
  bench.start();
  const char* const targets[] = {"/a", "/empty", "/not", "/b"};
  const int statuses[] = {200, 204, 304, 200};
  std::size_t answered = 0;
  for (int i = 0; i < 2000; ++i) {
    http::Exchange exchange = exchange_of(i % 5 == 0 ? "HEAD" : "GET", targets[i % 4]);
    if (i % 7 == 0) exchange.request.version = {1, 0};
    bench.dispatcher->submit(exchange);
    ASSERT_TRUE(bench.run_until_answers(++answered));
    const http::Answer& answer = bench.sink.answer(exchange.id);
    ASSERT_TRUE(answer.ok()) << i << to_string(answer.error);
    EXPECT_EQ(answer.response.status, statuses[i % 4]);
    EXPECT_EQ(answer.response.body.bytes.empty(), i % 5 == 0 || statuses[i % 4] != 200);
  }
  EXPECT_EQ(bench.dispatcher->status()[0].connections_opened, 1u);
}

TEST(Servers, Ipv6LiteralsWork) {
  Nginx nginx;
  const std::string v6 = "[::1]:" + std::to_string(nginx.port);
  ASSERT_NO_FATAL_FAILURE(nginx.serve("", "listen " + v6 + "; "));
  Bench bench;
  bench.add(Role::kCandidate, "http://" + v6);
  bench.start();
  EXPECT_EQ(one_get(bench).response.status, 200);
}

TEST(Servers, NodeGetsChunkedBodiesTrailersExpectAndOddMethods) {
  Program node;
  const std::uint16_t port = Program::free_port();
  node.write("server.js", R"(
const http = require('http');
http.createServer((req, res) => {
  const parts = [];
  req.on('data', d => parts.push(d));
  req.on('end', () => {
    const body = JSON.stringify({method: req.method, raw: req.rawHeaders, trailers: req.rawTrailers,
      body: Buffer.concat(parts).toString(), version: req.httpVersion});
    res.setHeader('Trailer', 'X-End');
    res.write(body);
    res.addTrailers({'X-End': 'yes'});
    res.end();
  });
}).listen(+process.argv[2], '127.0.0.1');
)");
  node.start({"node", node.directory() + "/server.js", std::to_string(port)});
  ASSERT_TRUE(Program::wait_for_port(port));
  Bench bench;
  bench.select.allow_side_effects = true;
  bench.add(Role::kCandidate, "http://127.0.0.1:" + std::to_string(port));
  bench.start();
  const auto body_of = [&](http::Exchange& exchange) {
    const std::size_t before = bench.sink.count();
    bench.dispatcher->submit(exchange);
    EXPECT_TRUE(bench.run_until_answers(before + 1));
    const http::Answer& answer = bench.sink.answer(exchange.id);
    EXPECT_TRUE(answer.ok()) << to_string(answer.error);
    EXPECT_EQ(answer.response.trailers.find("x-end"), "yes");
    return answer.response.body.bytes;
  };
  http::Exchange chunked = exchange_of("POST", "/");
  chunked.request.headers.append("X-Two", "a");
  chunked.request.headers.append("transfer-encoding", "chunked");
  chunked.request.headers.append("Expect", "100-continue");
  chunked.request.headers.append("x-two", "b");
  chunked.request.chunked = true;
  chunked.request.body = {"hello world", 11, {}};
  chunked.request.trailers.append("X-Sum", "11");
  const std::string text = body_of(chunked);
  EXPECT_NE(
      text.find(
          R"("X-Two","a","transfer-encoding","chunked","Expect","100-continue","x-two","b")"),
      std::string::npos)
      << text;
  EXPECT_NE(text.find(R"("trailers":["X-Sum","11"],"body":"hello world")"), std::string::npos)
      << text;
  http::Exchange odd = exchange_of("PROPFIND", "/dav");
  EXPECT_NE(body_of(odd).find(R"("method":"PROPFIND")"), std::string::npos);
}

TEST(Servers, HaproxyAsATargetClosesAndReopensWithoutAnError) {
  Nginx nginx;
  ASSERT_NO_FATAL_FAILURE(nginx.serve(""));
  Program haproxy;
  const std::uint16_t port = Program::free_port();
  haproxy.write("haproxy.cfg",
                "defaults\n mode http\n timeout client 100ms\n timeout http-keep-alive 100ms\n"
                " timeout connect 1s\n timeout server 5s\nfrontend f\n bind 127.0.0.1:" +
                    std::to_string(port) +
                    "\n default_backend b\nbackend b\n server s 127.0.0.1:" +
                    std::to_string(nginx.port) + "\n");
  haproxy.start({"haproxy", "-db", "-f", haproxy.directory() + "/haproxy.cfg"});
  ASSERT_TRUE(Program::wait_for_port(port));
  Bench bench;
  bench.add(Role::kCandidate, "http://127.0.0.1:" + std::to_string(port));
  bench.start();
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(one_get(bench).ok());
    bench.run_until([] { return false; }, 150ms);  // its keep-alive timeout passes
  }
  EXPECT_LE(bench.dispatcher->status()[0].connections_opened, 10u);
}

}  // namespace
}  // namespace shadowtap::shadow::test
