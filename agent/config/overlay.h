// Changes made at run time (REST), kept over file and flags and across restarts.
//
// Each change is one key of a service's `select`, `sending`, `compare` or of a target. It remembers a
// hash of what file and flags said about that key when it was made; once they say something
// else, the edit is newer and the change is forgotten. So per key the newest wins, without
// trusting the clocks of files.
//
// Control thread. The file has mode 0600: a target's headers may hold credentials.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/config.h"
#include "agent/config/node.h"

namespace shadowtap::config {

struct Change {
  std::string service;
  std::string section;  // "select", "sending", "compare", "candidate", "secondary", "mirror:NAME"
  std::string key;      // of the section; empty: the whole target, removed
  Node value;           // null: the key was unset
  std::string base;     // hash of what file and flags said; empty: nothing
  std::string time;     // RFC 3339, for people
};

class Overlay {
 public:
  // `path` empty: nothing is kept. A file that is not there is an empty overlay; one that
  // cannot be read is an error (the run-time changes would be lost silently).
  [[nodiscard]] static Result<Overlay> open(std::string path);

  // What holds: `base` (file and flags) with the changes that are still newer. Forgets the
  // others, and those that no longer make sense; `forgotten` names them for the log.
  Config apply(const Config& base, std::vector<std::string>& forgotten);

  // When the target was last put at run time; nothing: it is as file and flags say.
  std::optional<WallTime> put_at(const std::string& service, const std::string& section) const;
  // The same of one key of `sending`, which a change of its others leaves alone.
  std::optional<WallTime> put_at(const std::string& service, const std::string& section,
                                 const std::string& key) const;

  // Records what differs from `base` and saves. `now`: wall time, for the record only. An error:
  // no such service; or it could not be saved, and holds here until the next save brings it along.
  [[nodiscard]] Result<> put_rules(const Config& base, const std::string& service,
                                   const diff::Rules& rules, WallTime now);
  [[nodiscard]] Result<> put_select(const Config& base, const std::string& service,
                                    const shadow::SelectOptions& select, WallTime now);
  [[nodiscard]] Result<> put_dispatch(const Config& base, const std::string& service,
                                      const shadow::DispatchOptions& dispatch, WallTime now);
  [[nodiscard]] Result<> put_target(const Config& base, const std::string& service,
                                    const shadow::TargetOptions& target, WallTime now);
  // `name` matters for mirrors only.
  [[nodiscard]] Result<> remove_target(const Config& base, const std::string& service,
                                       shadow::Role role, const std::string& name, WallTime now);

  const std::vector<Change>& changes() const { return changes_; }

 private:
  Result<> put(const Config& base, const std::string& service, const std::string& section,
               const Node& wanted, WallTime now);
  Result<> save() const;

  std::string path_;
  std::vector<Change> changes_;
};

}  // namespace shadowtap::config
