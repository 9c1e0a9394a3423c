// The version of this build, set by CMake from the project's.
#pragma once

namespace shadowtap {

inline constexpr const char* kVersion = SHADOWTAP_VERSION;

}  // namespace shadowtap
