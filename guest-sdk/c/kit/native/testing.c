// Stands in for the agent and for Wasm, so that a filter's tests are a program of this machine. The kit's
// own files are compiled along; `memory.c` and the generated bindings are not.
#include "../edits.c"
#include "../filter.c"
#include "../settings.c"

#include "../testing.h"

#include <stdio.h>

// Blocks of the run in hand, freed by the next one: whoever reads behind the end of one is told by
// `-fsanitize=address`, as no arena of pages would.
typedef struct block {
  struct block *former;
  max_align_t bytes[];
} block;
static block *blocks;

static void *checked(void *memory) {
  if (!memory) abort();
  return memory;
}

void *ls_allocate(size_t bytes) {
  block *made = checked(malloc(sizeof(block) + bytes));
  made->former = blocks;
  blocks = made;
  return made->bytes;
}

void ls_keep_memory(void) {}

static void free_blocks(void) {
  while (blocks) {
    block *former = blocks->former;
    free(blocks);
    blocks = former;
  }
}

#define FACTS_MAX 64
static struct {
  const char *name, *value;
} facts[FACTS_MAX];
static size_t fact_count;

void ls_set_fact(const char *name, const char *value) {
  size_t at = 0;
  while (at < fact_count && strcmp(facts[at].name, name) != 0) at++;
  if (at == FACTS_MAX) abort();
  if (at == fact_count) fact_count++;
  facts[at].name = name;
  facts[at].value = value;
}

bool logsieve_filter_origin_get(log_filter_string_t *name, log_filter_string_t *value) {
  for (size_t i = 0; i < fact_count; i++) {
    if (!ls_equal((ls_text){name->ptr, name->len}, ls_str(facts[i].name))) continue;
    *value = string(facts[i].value);
    return true;
  }
  return false;
}

bool logsieve_filter_patterns_static_pattern_set_compile(log_filter_list_string_t *patterns,
                                                         logsieve_filter_patterns_own_pattern_set_t *made,
                                                         log_filter_string_t *error) {
  (void)patterns, (void)made;
  *error = string("patterns are run by the agent: `logsieve filter test` has them");
  return false;
}

// No set was ever made.
void logsieve_filter_patterns_method_pattern_set_find(logsieve_filter_patterns_borrow_pattern_set_t set,
                                                      logsieve_filter_patterns_list_found_t *found) {
  (void)set;
  *found = (logsieve_filter_patterns_list_found_t){NULL, 0};
}

void logsieve_filter_patterns_method_pattern_set_matches(logsieve_filter_patterns_borrow_pattern_set_t set,
                                                         log_filter_list_u32_t *records) {
  (void)set;
  *records = (log_filter_list_u32_t){NULL, 0};
}

void logsieve_filter_report_log(logsieve_filter_report_level_t level, log_filter_string_t *text) {
  (void)level;
  fprintf(stderr, "%.*s\n", (int)text->len, (const char *)text->ptr);
}

// Nobody listens.
void logsieve_filter_report_count(log_filter_string_t *name, uint64_t by) { (void)name, (void)by; }

void log_filter_string_dup(log_filter_string_t *copied, const char *text) {
  const log_filter_list_u8_t bytes = copy(ls_str(text));
  *copied = (log_filter_string_t){bytes.ptr, bytes.len};
}

// What the run in hand gives back.
static char *forwarded;
static size_t forwarded_len;

static void append(const uint8_t *bytes, size_t len) {
  forwarded = checked(realloc(forwarded, forwarded_len + len + 1));
  if (len) memcpy(forwarded + forwarded_len, bytes, len);
  forwarded_len += len;
  forwarded[forwarded_len] = 0;
}

static void append_line(const uint8_t *bytes, size_t len) {
  append(bytes, len);
  append((const uint8_t *)"\n", 1);
}

// Each line a record, a millisecond apart.
static void columns_of(const char *log, logsieve_filter_records_batch_t *batch) {
  const size_t len = strlen(log), records_max = len + 1;
  *batch = (logsieve_filter_records_batch_t){.last = true};
  batch->text.ptr = ls_allocate(len);
  batch->ends.ptr = ls_allocate(records_max * sizeof(uint32_t));
  batch->times.ptr = ls_allocate(records_max * sizeof(uint64_t));
  batch->streams.ptr = ls_allocate(records_max);
  size_t records = 0;
  for (const char *at = log; *at; records++) {
    const size_t line = strcspn(at, "\n");
    memcpy(batch->text.ptr + batch->text.len, at, line);
    batch->text.len += line;
    batch->ends.ptr[records] = (uint32_t)batch->text.len;
    batch->times.ptr[records] = UINT64_C(1767225600000000000) + records * 1000000;
    batch->streams.ptr[records] = 1;
    at += line + (at[line] == '\n');
  }
  batch->ends.len = batch->times.len = batch->streams.len = records;
}

// Appends what would be forwarded in place of one record. `edit` and those behind it are the ones that are left.
static const edit_t *forward(const ls_batch *batch, size_t at, const edit_t *edit, const edit_t *end) {
  const ls_text text = ls_record(batch, at);
  size_t done = 0;
  bool is_dropped = false;
  for (; edit != end && edit->at == at && edit->change.tag != LOGSIEVE_FILTER_RECORDS_CHANGE_ADD; edit++) {
    const logsieve_filter_records_change_t *change = &edit->change;
    if (change->tag == LOGSIEVE_FILTER_RECORDS_CHANGE_DROP) {
      is_dropped = true;
    } else if (change->tag == LOGSIEVE_FILTER_RECORDS_CHANGE_REPLACE) {
      append(change->val.replace.ptr, change->val.replace.len);
      done = text.len;
    } else if (change->tag == LOGSIEVE_FILTER_RECORDS_CHANGE_SPLICE) {
      append(text.ptr + done, change->val.splice.start - done);
      append(change->val.splice.text.ptr, change->val.splice.text.len);
      done = change->val.splice.end;
    }
  }
  if (!is_dropped) append_line(text.ptr + done, text.len - done);
  for (; edit != end && edit->at == at; edit++) append_line(edit->change.val.add.ptr, edit->change.val.add.len);
  return edit;
}

static const char *refused(const log_filter_string_t *why) {
  append((const uint8_t *)"refused: ", 9);
  append(why->ptr, why->len);
  return forwarded;
}

const char *ls_run(const char *settings, const char *log) {
  free_blocks();
  forwarded_len = 0;
  append(NULL, 0);
  log_filter_string_t given = string(settings), why;
  if (!exports_logsieve_filter_filter_configure(&given, &why)) return refused(&why);
  logsieve_filter_records_batch_t columns;
  columns_of(log, &columns);
  if (!columns.ends.len) return forwarded;
  logsieve_filter_records_outcome_t outcome;
  if (!exports_logsieve_filter_filter_process(&columns, &outcome, &why)) return refused(&why);
  const ls_batch batch = {.columns = &columns};
  const edit_t *edit = outcome.edits.ptr, *end = edit + outcome.edits.len;
  for (size_t at = 0; at < columns.ends.len; at++) edit = forward(&batch, at, edit, end);
  return forwarded;
}

void ls_expect_at(const char *file, int line, const char *got, const char *wanted) {
  if (strcmp(got, wanted) == 0) return;
  fprintf(stderr, "%s:%d: wanted\n%s\nand came out\n%s\n", file, line, wanted, got);
  exit(1);
}
