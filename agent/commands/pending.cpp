#include "agent/commands/commands.h"
namespace shadowtap::commands {
int record(const config::RecordCommand&) { return 1; }
int replay(const config::ReplayCommand&) { return 1; }
int compare(const config::CompareCommand&) { return 1; }
}
