// What the agent calls, and what a filter may ask it for: a thin layer over the generated bindings.
#include <stdlib.h>

#include "edits.h"
#include "settings.h"

static bool refuse(log_filter_string_t *error, const char *why) {
  log_filter_string_dup(error, why);
  return false;
}

bool exports_logsieve_filter_filter_configure(log_filter_string_t *settings, log_filter_string_t *error) {
  // Kept for ever: the author may keep texts of it.
  static ls_settings parsed;
  const char *why = ls_parse_settings(&parsed, (ls_text){settings->ptr, settings->len});
  if (!why) why = filter_configure(&parsed);
  ls_keep_memory();
  return why ? refuse(error, why) : true;
}

bool exports_logsieve_filter_filter_process(exports_logsieve_filter_filter_batch_t *columns,
                                            exports_logsieve_filter_filter_outcome_t *outcome,
                                            log_filter_string_t *error) {
  ls_batch batch = {.columns = columns, .sorted = true};
  const char *why = filter_batch(&batch);
  if (!why) why = ls_finish(&batch);
  if (why) return refuse(error, why);
  outcome->edits = (logsieve_filter_records_list_edit_t){batch.edits, batch.count};
  outcome->hold = (uint32_t)batch.hold;
  return true;
}

#ifdef __wasm__
// The agent calls these when it has read what was given back; the generated ones would free it.
__attribute__((__export_name__("cabi_post_logsieve:filter/filter@0.1.0#configure")))
void __wasm_export_exports_logsieve_filter_filter_configure_post_return(uint8_t *given) { (void)given; }

__attribute__((__export_name__("cabi_post_logsieve:filter/filter@0.1.0#process")))
void __wasm_export_exports_logsieve_filter_filter_process_post_return(uint8_t *given) {
  (void)given;
  ls_reuse_memory();
}
#endif

size_t ls_count_records(const ls_batch *batch) { return batch->columns->ends.len; }

void ls_give_up(const char *why) {
  ls_log('e', ls_str(why));
  abort();
}

void ls_check_record(const ls_batch *batch, size_t at) {
  if (at >= batch->columns->ends.len) ls_give_up("the filter names a record that is not in the batch");
}

ls_text ls_record(const ls_batch *batch, size_t at) {
  ls_check_record(batch, at);
  uint32_t start = at ? batch->columns->ends.ptr[at - 1] : 0;
  return (ls_text){batch->columns->text.ptr + start, batch->columns->ends.ptr[at] - start};
}

uint64_t ls_time(const ls_batch *batch, size_t at) {
  ls_check_record(batch, at);
  return batch->columns->times.ptr[at];
}

int ls_stream(const ls_batch *batch, size_t at) {
  ls_check_record(batch, at);
  return batch->columns->streams.ptr[at];
}

bool ls_is_last(const ls_batch *batch) { return batch->columns->last; }

ptrdiff_t ls_find(ls_text text, ls_text what) {
  if (!what.len) return 0;
  for (const uint8_t *at = text.ptr, *end = text.ptr + text.len; (size_t)(end - at) >= what.len; at++) {
    at = memchr(at, what.ptr[0], (size_t)(end - at) - what.len + 1);
    if (!at) return -1;
    if (memcmp(at, what.ptr, what.len) == 0) return at - text.ptr;
  }
  return -1;
}

static log_filter_string_t string(const char *s) {
  return (log_filter_string_t){(uint8_t *)s, strlen(s)};
}

bool ls_origin(const char *name, ls_text *value) {
  log_filter_string_t wanted = string(name), found;
  if (!logsieve_filter_origin_get(&wanted, &found)) return false;
  *value = (ls_text){found.ptr, found.len};
  return true;
}

const char *ls_compile(ls_patterns *set, const ls_text *patterns, size_t count) {
  log_filter_string_t *strings = ls_allocate(count * sizeof(log_filter_string_t));
  for (size_t i = 0; i < count; i++) strings[i] = (log_filter_string_t){(uint8_t *)patterns[i].ptr, patterns[i].len};
  log_filter_list_string_t list = {strings, count};
  logsieve_filter_patterns_own_pattern_set_t made;
  log_filter_string_t error;
  bool ok = logsieve_filter_patterns_static_pattern_set_compile(&list, &made, &error);
  if (ok) {
    set->handle = made.__handle;
    return NULL;
  }
  return ls_format("%t", (ls_text){error.ptr, error.len});
}

_Static_assert(sizeof(ls_found) == sizeof(logsieve_filter_patterns_found_t), "one layout for both");

size_t ls_find_all(ls_patterns set, const ls_found **found) {
  logsieve_filter_patterns_list_found_t list;
  logsieve_filter_patterns_method_pattern_set_find((logsieve_filter_patterns_borrow_pattern_set_t){set.handle}, &list);
  *found = (const ls_found *)list.ptr;
  return list.len;
}

size_t ls_find_records(ls_patterns set, const uint32_t **records) {
  log_filter_list_u32_t list;
  logsieve_filter_patterns_method_pattern_set_matches((logsieve_filter_patterns_borrow_pattern_set_t){set.handle}, &list);
  *records = list.ptr;
  return list.len;
}

void ls_log(char level, ls_text message) {
  logsieve_filter_report_level_t number = level == 'd'   ? LOGSIEVE_FILTER_REPORT_LEVEL_DEBUG
                                          : level == 'w' ? LOGSIEVE_FILTER_REPORT_LEVEL_WARN
                                          : level == 'e' ? LOGSIEVE_FILTER_REPORT_LEVEL_ERROR
                                                         : LOGSIEVE_FILTER_REPORT_LEVEL_INFO;
  log_filter_string_t text = {(uint8_t *)message.ptr, message.len};
  logsieve_filter_report_log(number, &text);
}

void ls_count(const char *name, uint64_t by) {
  log_filter_string_t text = string(name);
  logsieve_filter_report_count(&text, by);
}

const char *ls_format(const char *format, ...) {
  va_list values;
  va_start(values, format);
  const char *message = ls_format_list(format, values);
  va_end(values);
  return message;
}

const char *ls_format_list(const char *format, va_list values) {
  // Longer messages are cut by the agent as well.
  static char out[1024];
  size_t len = 0;
  for (const char *at = format; *at && len < sizeof(out) - 1; at++) {
    ls_text part = {(const uint8_t *)at, 1};
    if (at[0] == '%' && at[1] == 's') part = ls_str(va_arg(values, const char *)), at++;
    else if (at[0] == '%' && at[1] == 't') part = va_arg(values, ls_text), at++;
    size_t room = sizeof(out) - 1 - len;
    if (part.len > room) {
      // Not in the middle of a character: what is said has to be UTF-8.
      for (part.len = room; part.len && (part.ptr[part.len] & 0xc0) == 0x80; part.len--) {}
    }
    if (part.len) memmove(out + len, part.ptr, part.len);
    len += part.len;
  }
  out[len] = 0;
  return out;
}
