// Drops records that hold one of some texts, and masks passwords.
//
// Settings: `drop`, a list of texts; a record that holds one is not forwarded.
#include "kit/logsieve.h"

#define TEXTS_MAX 32

static ls_text drop[TEXTS_MAX];
static size_t drop_count;

const char *filter_configure(const ls_settings *settings) {
  static const char *const known[] = {"drop", NULL};
  ls_text key;
  if (ls_unknown_key(settings, known, &key)) return ls_format("settings: there is no `%t`", key);
  drop[0] = ls_str("GET /healthz");
  drop_count = 1;
  if (!ls_get_texts(settings, "drop", drop, TEXTS_MAX, &drop_count))
    return "settings: `drop` is a list of at most 32 texts";
  return NULL;
}

static bool is_dropped(ls_text record) {
  for (size_t i = 0; i < drop_count; i++)
    if (ls_find(record, drop[i]) >= 0) return true;
  return false;
}

// Puts stars in place of whatever stands behind `password=`.
static void mask(ls_batch *batch, size_t at) {
  const ls_text record = ls_record(batch, at), word = ls_str("password=");
  size_t from = 0;
  for (;;) {
    ptrdiff_t found = ls_find((ls_text){record.ptr + from, record.len - from}, word);
    if (found < 0) return;
    size_t start = from + (size_t)found + word.len, end = start;
    while (end < record.len && !memchr(" &\"\t", record.ptr[end], 4)) end++;
    if (end > start) {
      ls_splice(batch, at, start, end, ls_str("***"));
      ls_count("passwords", 1);
    }
    from = end;
  }
}

const char *filter_batch(ls_batch *batch) {
  for (size_t at = 0; at < ls_count_records(batch); at++) {
    if (is_dropped(ls_record(batch, at)))
      ls_discard(batch, at);
    else
      mask(batch, at);
  }
  return NULL;
}
