// Which sockets to targets can be read or written: one epoll set for all connections of a
// dispatcher.
//
// The io_context waits for the set as a whole, so a turn of the loop costs the same few
// system calls however many answers came; a wait of Asio's own for each socket would cost
// an epoll_ctl an answer. Level-triggered: what is left unread is told again. Knows
// nothing of what is read. On the shard's thread; outlives its watchers.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <functional>
#include <memory>

namespace shadowtap::shadow {

class Readiness {
 public:
  class Watcher {
   public:
    // An error or a hang-up makes both true. It may remove itself and others.
    virtual void ready(bool to_read, bool to_write) = 0;

   protected:
    ~Watcher() = default;
  };

  explicit Readiness(boost::asio::io_context& io);
  Readiness(const Readiness&) = delete;
  Readiness& operator=(const Readiness&) = delete;

  // Tells when the descriptor can be read, and while `writing` when it can be written.
  [[nodiscard]] bool add(int descriptor, Watcher& watcher, bool writing);
  void change(int descriptor, Watcher& watcher, bool writing);
  // Nothing is told to it from here on, not even in the turn under way.
  void remove(int descriptor, const Watcher& watcher);

  // Runs `work` in a later turn.
  void later(std::function<void()> work);

 private:
  static constexpr std::size_t kTurn = 128;

  void wait();
  void tell();

  boost::asio::posix::stream_descriptor set_;  // the epoll descriptor
  std::array<epoll_event, kTurn> events_{};
  std::size_t told_ = 0;
  std::size_t came_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for a wait under way
};

}  // namespace shadowtap::shadow
