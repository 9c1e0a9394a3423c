#include "agent/commands/commands.h"
namespace shadowtap::commands {
int compare(const config::CompareCommand&) { return 1; }
}
