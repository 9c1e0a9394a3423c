// What the commands that talk to a running agent share: one call, its failure as a
// sentence.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/api/client.h"
#include "agent/config/command_line.h"

namespace shadowtap::commands {

// `path` with the command's service and `more` ("format=md") as its query.
std::string with_query(std::string_view path, const config::ApiCommand& command,
                       const std::vector<std::string>& more = {});

// The answer's body if its status is 200; else a sentence: the problem's detail, or what
// went wrong on the way.
Result<std::string> ask(const config::ApiCommand& command, const std::string& method,
                        const std::string& target);

// pause and resume: the call, the services' states on standard output, the exit code.
int set_sending(const config::ApiCommand& command, const char* path);

}  // namespace shadowtap::commands
