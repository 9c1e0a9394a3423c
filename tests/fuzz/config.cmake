shadowtap_fuzz(config SOURCES config_fuzz.cpp DEPS shadowtap_config)
