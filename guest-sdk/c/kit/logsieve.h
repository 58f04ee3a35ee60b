// Filters for the logsieve agent, in C. An author includes this header, writes the two functions
// at its end, and needs nothing else: the rest of this folder is the kit's own.
//
// Text is bytes with a length: log lines need not be UTF-8, may hold NUL, and may be empty. What the
// kit hands out is valid until the function that it was handed to returns; what is handed to the kit
// is copied.
#ifndef LOGSIEVE_H
#define LOGSIEVE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

// Bytes, not ended by NUL.
typedef struct {
  const uint8_t *ptr;
  size_t len;
} ls_text;

// A C string as a text.
static inline ls_text ls_str(const char *s) { return (ls_text){(const uint8_t *)s, strlen(s)}; }
static inline bool ls_equal(ls_text a, ls_text b) { return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0; }
static inline bool ls_starts_with(ls_text text, ls_text start) {
  return text.len >= start.len && memcmp(text.ptr, start.ptr, start.len) == 0;
}
// Where `what` first stands in `text`, or -1.
ptrdiff_t ls_find(ls_text text, ls_text what);

// Records of one container, in the order of its log. Records are named by their place, from 0.
typedef struct ls_batch ls_batch;

size_t ls_count_records(const ls_batch *batch);  // at least 1
ls_text ls_record(const ls_batch *batch, size_t at);
uint64_t ls_time(const ls_batch *batch, size_t at);  // nanoseconds since the Unix epoch
int ls_stream(const ls_batch *batch, size_t at);     // 1: standard output, 2: standard error
// Nothing may be held back: the container is quiet or has ended.
bool ls_is_last(const ls_batch *batch);

// Changes, in any order: discarding beats replacing, replacing beats splicing; of several texts,
// times or routes the last counts. A record that no change names passes as it is, and costs nothing.
void ls_discard(ls_batch *batch, size_t at);
void ls_replace(ls_batch *batch, size_t at, ls_text text);
// `text` in place of the bytes start..end of the record as it was handed over.
void ls_splice(ls_batch *batch, size_t at, size_t start, size_t end, ls_text text);
// One more record after this one, with its stream, time and route.
void ls_add(ls_batch *batch, size_t at, ls_text text);
void ls_set_time(ls_batch *batch, size_t at, uint64_t nanoseconds);
// Another destination, by its name; one of those that the operator lets this filter choose.
void ls_route(ls_batch *batch, size_t at, ls_text destination);
// Shows the last `count` records again, in front of the next batch: their event is not complete yet.
// Not when the batch is the last, and no held record may be changed.
void ls_hold(ls_batch *batch, size_t count);

// A fact about the container that wrote the batch, by OpenTelemetry name (`k8s.pod.name`); false
// where it is not known.
bool ls_origin(const char *name, ls_text *value);

// Regular expressions, run by the agent at native speed. Compile them in `filter_configure`.
typedef struct { int32_t handle; } ls_patterns;
typedef struct { uint32_t at, pattern, start, end; } ls_found;
// NULL, or why they do not compile.
const char *ls_compile(ls_patterns *set, const ls_text *patterns, size_t count);
// Every match in the batch in hand, by record, then by place. Not to be freed.
size_t ls_find_all(ls_patterns set, const ls_found **found);
// The records in which any pattern matches.
size_t ls_find_records(ls_patterns set, const uint32_t **records);

// The agent's log and its metrics. `level` is one of "debug", "info", "warn", "error", by first letter.
void ls_log(char level, ls_text message);
void ls_count(const char *name, uint64_t by);

// The operator's settings: one JSON object. The getters leave `value` alone where the key is missing,
// and give false where it has another type.
typedef struct ls_settings ls_settings;
bool ls_get_text(const ls_settings *settings, const char *key, ls_text *value);
bool ls_get_number(const ls_settings *settings, const char *key, double *value);
bool ls_get_bool(const ls_settings *settings, const char *key, bool *value);
// At most `max` texts; `*count` is how many there are.
bool ls_get_texts(const ls_settings *settings, const char *key, ls_text *values, size_t max, size_t *count);
// The first key that is not among `known` (which ends with NULL); false where all are known.
bool ls_unknown_key(const ls_settings *settings, const char *const *known, ls_text *key);

// A message made of a format with `%s` (a C string) and `%t` (an `ls_text`, by value); valid until the next one.
const char *ls_format(const char *format, ...);
const char *ls_format_list(const char *format, va_list values);

// What an author writes. Both give NULL, or say in words what is wrong.
//
// Once, before the first batch. Settings and their texts stay valid as long as the filter lives.
const char *filter_configure(const ls_settings *settings);
// For every batch. An error means that the whole batch cannot be judged; a record that is merely odd
// is no error. What is kept from one call to the next must not matter for what comes out.
const char *filter_batch(ls_batch *batch);

#ifdef __cplusplus
}
#endif
#endif
