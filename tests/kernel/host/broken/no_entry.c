/* A library that is not a plugin. */
__attribute__((visibility("default"))) const int howdah_plugin_v0 = 0;
