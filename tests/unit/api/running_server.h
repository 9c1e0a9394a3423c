// A server on a thread of its own, for tests that talk to it over a real socket.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <memory>
#include <thread>

#include "agent/api/server.h"

namespace shadowtap::api {

class RunningServer {
 public:
  RunningServer(const ServerOptions& options, Router api, Router metrics = {}) {
    auto started = Server::start(io_, options, std::move(api), std::move(metrics));
    EXPECT_TRUE(started) << started.error().message();
    server = std::move(*started);
    thread_ = std::thread([this] { io_.run(); });
  }
  ~RunningServer() {
    boost::asio::post(io_, [this] { server->stop(); });
    guard_.reset();
    thread_.join();
  }

  // Runs `work` on the server's thread and waits for it.
  template <class Work>
  auto on_its_thread(Work work) {
    std::packaged_task<decltype(work())()> task(std::move(work));
    auto result = task.get_future();
    boost::asio::post(io_, [&task] { task(); });
    return result.get();
  }
  ServerCounts counts() {
    return on_its_thread([this] { return server->counts(); });
  }

  std::unique_ptr<Server> server;

 private:
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_{
      io_.get_executor()};
  std::thread thread_;
};

inline ServerOptions any_port() {
  ServerOptions options;
  options.listen = "127.0.0.1:0";
  return options;
}

}  // namespace shadowtap::api
