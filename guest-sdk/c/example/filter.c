// A worked example that uses every call of the kit: it does to a record what its text says.
//
// Commands, with `; ` between them: `drop`, `replace X`, `splice 0..3 X`, `add X`, `set-time MS`,
// `route X`, `origin NAME`, `stream`, `time`, `count NAME`, `log X`, `fail X`. Other words do nothing.
// Settings: `patterns` marks every match, or with `drop_matching` drops the records that have one;
// `join` joins records that begin with a tab to the one before them.
#include "kit/logsieve.h"

#define PATTERNS_MAX 16

static ls_patterns patterns;
static size_t pattern_count;
static bool drop_matching, join;

const char *filter_configure(const ls_settings *settings) {
  static const char *const known[] = {"patterns", "drop_matching", "join", NULL};
  ls_text key, texts[PATTERNS_MAX];
  if (ls_unknown_key(settings, known, &key)) return ls_format("settings: there is no `%t`", key);
  if (!ls_get_bool(settings, "drop_matching", &drop_matching)) return "settings: `drop_matching` is true or false";
  if (!ls_get_bool(settings, "join", &join)) return "settings: `join` is true or false";
  if (!ls_get_texts(settings, "patterns", texts, PATTERNS_MAX, &pattern_count))
    return "settings: `patterns` is a list of at most 16 texts";
  return pattern_count ? ls_compile(&patterns, texts, pattern_count) : NULL;
}

static uint64_t number(ls_text *text) {
  uint64_t value = 0;
  for (; text->len && *text->ptr >= '0' && *text->ptr <= '9'; text->ptr++, text->len--)
    value = value * 10 + (*text->ptr - '0');
  return value;
}

static const char *decimal(uint64_t value) {
  static char out[24];
  char *at = out + sizeof out - 1;
  do *--at = (char)('0' + value % 10);
  while (value /= 10);
  return at;
}

// Passes `n` bytes.
static ls_text after(ls_text text, size_t n) {
  return n < text.len ? (ls_text){text.ptr + n, text.len - n} : (ls_text){text.ptr + text.len, 0};
}

static void splice(ls_batch *batch, size_t at, ls_text range) {
  uint64_t start = number(&range);
  range = after(range, 2);
  uint64_t end = number(&range);
  ls_splice(batch, at, (size_t)start, (size_t)end, after(range, 1));
}

static const char *c_string(ls_text text) { return ls_format("%t", text); }

static const char *obey(ls_batch *batch, size_t at, ls_text command) {
  ptrdiff_t space = ls_find(command, ls_str(" "));
  ls_text name = {command.ptr, space < 0 ? command.len : (size_t)space}, rest = after(command, name.len + 1), value;
  if (ls_equal(name, ls_str("drop"))) ls_discard(batch, at);
  else if (ls_equal(name, ls_str("replace"))) ls_replace(batch, at, rest);
  else if (ls_equal(name, ls_str("splice"))) splice(batch, at, rest);
  else if (ls_equal(name, ls_str("add"))) ls_add(batch, at, rest);
  else if (ls_equal(name, ls_str("set-time"))) ls_set_time(batch, at, number(&rest) * 1000000);
  else if (ls_equal(name, ls_str("route"))) ls_route(batch, at, rest);
  else if (ls_equal(name, ls_str("origin")))
    ls_replace(batch, at, ls_origin(c_string(rest), &value) ? value : ls_str("unknown"));
  else if (ls_equal(name, ls_str("stream"))) ls_replace(batch, at, ls_str(ls_stream(batch, at) == 1 ? "stdout" : "stderr"));
  else if (ls_equal(name, ls_str("time"))) ls_replace(batch, at, ls_str(decimal(ls_time(batch, at) / 1000000)));
  else if (ls_equal(name, ls_str("count"))) ls_count(c_string(rest), 1);
  else if (ls_equal(name, ls_str("log"))) ls_log('i', rest);
  else if (ls_equal(name, ls_str("fail"))) return c_string(rest);
  return NULL;
}

static const char *obey_all(ls_batch *batch, size_t at) {
  ls_text text = ls_record(batch, at);
  for (;;) {
    ptrdiff_t end = ls_find(text, ls_str("; "));
    const char *why = obey(batch, at, (ls_text){text.ptr, end < 0 ? text.len : (size_t)end});
    if (why || end < 0) return why;
    text = after(text, (size_t)end + 2);
  }
}

static void mark_matches(ls_batch *batch) {
  const uint32_t *records;
  const ls_found *found;
  if (drop_matching)
    for (size_t i = 0, count = ls_find_records(patterns, &records); i < count; i++) ls_discard(batch, records[i]);
  else
    for (size_t i = 0, count = ls_find_all(patterns, &found); i < count; i++)
      ls_splice(batch, found[i].at, found[i].start, found[i].end, ls_str(ls_format("[%s]", decimal(found[i].pattern))));
}

static bool goes_on(const ls_batch *batch, size_t at) {
  return at < ls_count_records(batch) && ls_starts_with(ls_record(batch, at), ls_str("\t"));
}

// Joins the records start..end.
static void join_event(ls_batch *batch, size_t start, size_t end) {
  for (size_t at = start + 1; at < end; at++) {
    // What is put behind the first record's end is joined in order.
    ls_text line = ls_record(batch, at);
    size_t len = ls_record(batch, start).len;
    ls_splice(batch, start, len, len, ls_str("|"));
    ls_splice(batch, start, len, len, after(line, 1));
    ls_discard(batch, at);
  }
}

// The last event may go on in the next batch, so it is held until more comes, or nothing will.
static void join_events(ls_batch *batch) {
  size_t records = ls_count_records(batch);
  for (size_t start = 0, end; start < records; start = end) {
    for (end = start + 1; goes_on(batch, end);) end++;
    if (end == records && !ls_is_last(batch)) ls_hold(batch, end - start);
    else join_event(batch, start, end);
  }
}

const char *filter_batch(ls_batch *batch) {
  if (join) return join_events(batch), NULL;
  if (pattern_count) return mark_matches(batch), NULL;
  for (size_t at = 0; at < ls_count_records(batch); at++) {
    const char *why = obey_all(batch, at);
    if (why) return why;
  }
  return NULL;
}
