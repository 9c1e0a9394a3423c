// Notices that the configuration file should be read again: SIGHUP, an edit, a rename over
// it, or a swapped symlink on the way to it (Kubernetes' ConfigMap).
//
// Watches the directories (inotify), because editors and ConfigMaps replace files; waits
// until it has been quiet for a moment; calls back only if what the path leads to has
// changed, SIGHUP always. Everything on the io_context's thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "agent/base/result.h"

namespace boost::asio {
class io_context;
}

namespace shadowtap::config {

class Watcher {
 public:
  // `path` empty: SIGHUP only. Where inotify is refused (its limits), SIGHUP still works
  // and a look each 10 s takes its place.
  [[nodiscard]] static Result<std::unique_ptr<Watcher>> start(boost::asio::io_context& io,
                                                              std::string path,
                                                              std::function<void()> changed);
  ~Watcher();  // no call after it

 private:
  struct State;
  explicit Watcher(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;  // shared with its pending handlers
};

}  // namespace shadowtap::config
