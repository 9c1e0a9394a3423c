#include "agent/shadow/readiness.h"

#include <algorithm>
#include <boost/asio/post.hpp>

namespace shadowtap::shadow {
namespace {

epoll_event event_of(Readiness::Watcher& watcher, bool writing) {
  epoll_event event{};
  event.events = EPOLLIN;
  if (writing) event.events |= EPOLLOUT;
  event.data.ptr = &watcher;
  return event;
}

}  // namespace

Readiness::Readiness(boost::asio::io_context& io) : set_(io, ::epoll_create1(EPOLL_CLOEXEC)) {
  wait();
}

bool Readiness::add(int descriptor, Watcher& watcher, bool writing) {
  epoll_event event = event_of(watcher, writing);
  return ::epoll_ctl(set_.native_handle(), EPOLL_CTL_ADD, descriptor, &event) == 0;
}

void Readiness::change(int descriptor, Watcher& watcher, bool writing) {
  epoll_event event = event_of(watcher, writing);
  ::epoll_ctl(set_.native_handle(), EPOLL_CTL_MOD, descriptor, &event);
}

void Readiness::remove(int descriptor, const Watcher& watcher) {
  ::epoll_ctl(set_.native_handle(), EPOLL_CTL_DEL, descriptor, nullptr);
  for (std::size_t i = told_; i < came_; ++i) {
    if (events_[i].data.ptr == &watcher) events_[i].data.ptr = nullptr;
  }
}

void Readiness::later(std::function<void()> work) {
  boost::asio::post(set_.get_executor(), std::move(work));
}

void Readiness::wait() {
  set_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                  [this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
                    if (error || alive.expired()) return;
                    tell();
                    wait();
                  });
}

// What does not fit into one turn is told in the next.
void Readiness::tell() {
  const int came = ::epoll_wait(set_.native_handle(), events_.data(), kTurn, 0);
  came_ = static_cast<std::size_t>(std::max(came, 0));
  for (told_ = 0; told_ < came_;) {
    const epoll_event event = events_[told_++];
    if (event.data.ptr == nullptr) continue;
    const bool trouble = (event.events & (EPOLLERR | EPOLLHUP)) != 0;
    static_cast<Watcher*>(event.data.ptr)
        ->ready(trouble || (event.events & EPOLLIN) != 0,
                trouble || (event.events & EPOLLOUT) != 0);
  }
  came_ = told_ = 0;
}

}  // namespace shadowtap::shadow
