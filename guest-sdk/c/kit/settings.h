// The operator's settings, parsed. Not for authors: `logsieve.h` has the getters.
#ifndef LOGSIEVE_SETTINGS_H
#define LOGSIEVE_SETTINGS_H

#include "logsieve.h"

#define LS_KEYS_MAX 64

// A key, and where its value stands in the JSON.
typedef struct {
  ls_text key, value;
} ls_entry;

struct ls_settings {
  ls_entry entries[LS_KEYS_MAX];
  size_t count;
};

// NULL, or what is wrong with the JSON.
const char *ls_parse_settings(ls_settings *settings, ls_text json);

#endif
