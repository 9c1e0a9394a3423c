# Writes FILES (paths separated by |) as C++ text into OUTPUT.
string(REPLACE "|" ";" files "${FILES}")
set(rows "")
foreach(file ${files})
  file(READ "${file}" content)
  get_filename_component(name "${file}" NAME)
  if(file MATCHES "html$")
    set(type "text/html; charset=utf-8")
  elseif(file MATCHES "css$")
    set(type "text/css; charset=utf-8")
  elseif(file MATCHES "json$")
    set(type "application/json")
  else()
    set(type "text/javascript; charset=utf-8")
  endif()
  string(APPEND rows "    {\"${name}\", \"${type}\", R\"~asset~(${content})~asset~\"},\n")
endforeach()
file(WRITE "${OUTPUT}" "#include \"agent/web/assets.h\"

namespace shadowtap::web {
namespace {

constexpr Asset kAssets[] = {
${rows}};

}  // namespace

std::span<const Asset> assets() { return kAssets; }

}  // namespace shadowtap::web
")
