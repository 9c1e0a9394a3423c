shadowtap_fuzz(diff SOURCES diff_fuzz.cpp DEPS shadowtap_diff)
shadowtap_fuzz(diff_rules SOURCES diff_rules_fuzz.cpp DEPS shadowtap_diff)
