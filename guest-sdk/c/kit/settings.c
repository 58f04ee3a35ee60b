// Reads one JSON object. The agent made it, so it is well formed; what is not understood is an error,
// never a guess. Values are found by place and read when they are asked for.
#include "settings.h"

#include "edits.h"

#ifdef __wasm__
// Read once, so it is to be small and need not be fast.
#pragma clang attribute push(__attribute__((minsize)), apply_to = function)
#endif

typedef struct {
  const uint8_t *at, *end;
} reader;

static void skip_space(reader *r) {
  while (r->at < r->end && memchr(" \t\r\n", *r->at, 4)) r->at++;
}

static bool next_is(reader *r, uint8_t byte) {
  skip_space(r);
  if (r->at == r->end || *r->at != byte) return false;
  r->at++;
  return true;
}

static unsigned hex4(const uint8_t *at) {
  unsigned value = 0;
  for (int i = 0; i < 4; i++) {
    uint8_t c = at[i] | 0x20;
    value = value * 16 + (c <= '9' ? c - '0' : c - 'a' + 10);
  }
  return value;
}

static size_t utf8(unsigned c, uint8_t *out) {
  if (c < 0x80) return out[0] = (uint8_t)c, 1;
  if (c < 0x800) return out[0] = 0xc0 | c >> 6, out[1] = 0x80 | (c & 63), 2;
  if (c < 0x10000) return out[0] = 0xe0 | c >> 12, out[1] = 0x80 | (c >> 6 & 63), out[2] = 0x80 | (c & 63), 3;
  return out[0] = 0xf0 | c >> 18, out[1] = 0x80 | (c >> 12 & 63), out[2] = 0x80 | (c >> 6 & 63), out[3] = 0x80 | (c & 63), 4;
}

// A string, copied without escapes; never freed, since settings live as long as the filter.
static bool read_text(reader *r, ls_text *text) {
  if (!next_is(r, '"')) return false;
  uint8_t *out = ls_allocate((size_t)(r->end - r->at));
  size_t len = 0;
  while (r->at < r->end && *r->at != '"') {
    if (*r->at != '\\') {
      out[len++] = *r->at++;
      continue;
    }
    if (r->end - r->at < 2) return false;
    uint8_t escape = r->at[1];
    r->at += 2;
    const char *plain = "\"\\/bfnrt", *means = "\"\\/\b\f\n\r\t", *found = strchr(plain, escape);
    if (found && escape) {
      out[len++] = (uint8_t)means[found - plain];
    } else if (escape == 'u' && r->end - r->at >= 4) {
      unsigned c = hex4(r->at);
      r->at += 4;
      if (c >= 0xd800 && c < 0xdc00 && r->end - r->at >= 6) {
        c = 0x10000 + ((c - 0xd800) << 10) + (hex4(r->at + 2) - 0xdc00);
        r->at += 6;
      }
      len += utf8(c, out + len);
    } else {
      return false;
    }
  }
  *text = (ls_text){out, len};
  return next_is(r, '"');
}

// Passes one value of any kind.
static bool skip_value(reader *r) {
  skip_space(r);
  int depth = 0;
  while (r->at < r->end) {
    uint8_t byte = *r->at;
    if (byte == '"') {
      for (r->at++; r->at < r->end && *r->at != '"'; r->at++) r->at += *r->at == '\\';
    } else if (byte == '{' || byte == '[') {
      depth++;
    } else if (byte == '}' || byte == ']') {
      if (depth-- == 0) return true;
    } else if (byte == ',' && depth == 0) {
      return true;
    }
    r->at++;
  }
  return false;
}

const char *ls_parse_settings(ls_settings *settings, ls_text json) {
  settings->count = 0;
  // The agent frees what it handed over; texts of it are kept.
  uint8_t *kept = ls_allocate(json.len);
  memcpy(kept, json.ptr, json.len);
  reader r = {kept, kept + json.len};
  if (!next_is(&r, '{')) return "settings: not a JSON object";
  if (next_is(&r, '}')) return NULL;
  do {
    if (settings->count == LS_KEYS_MAX) return "settings: more than 64 keys";
    ls_entry *entry = &settings->entries[settings->count++];
    if (!read_text(&r, &entry->key) || !next_is(&r, ':')) return "settings: not JSON";
    skip_space(&r);
    entry->value.ptr = r.at;
    if (!skip_value(&r)) return "settings: not JSON";
    entry->value.len = (size_t)(r.at - entry->value.ptr);
    while (entry->value.len && memchr(" \t\r\n", entry->value.ptr[entry->value.len - 1], 4)) entry->value.len--;
  } while (next_is(&r, ','));
  return next_is(&r, '}') ? NULL : "settings: not JSON";
}

static const ls_text *value_of(const ls_settings *settings, const char *key) {
  for (size_t i = 0; i < settings->count; i++)
    if (ls_equal(settings->entries[i].key, ls_str(key))) return &settings->entries[i].value;
  return NULL;
}

bool ls_get_text(const ls_settings *settings, const char *key, ls_text *value) {
  const ls_text *json = value_of(settings, key);
  if (!json) return true;
  reader r = {json->ptr, json->ptr + json->len};
  return read_text(&r, value);
}

bool ls_get_bool(const ls_settings *settings, const char *key, bool *value) {
  const ls_text *json = value_of(settings, key);
  if (!json) return true;
  *value = ls_equal(*json, ls_str("true"));
  return *value || ls_equal(*json, ls_str("false"));
}

// By hand, because libc's own brings a large part of libc along.
bool ls_get_number(const ls_settings *settings, const char *key, double *value) {
  const ls_text *json = value_of(settings, key);
  if (!json) return true;
  const uint8_t *at = json->ptr, *end = at + json->len;
  bool negative = at < end && *at == '-';
  at += negative;
  if (at == end || *at < '0' || *at > '9') return false;
  double number = 0, scale = 1;
  for (; at < end && *at >= '0' && *at <= '9'; at++) number = number * 10 + (*at - '0');
  if (at < end && *at == '.')
    for (at++; at < end && *at >= '0' && *at <= '9'; at++) number += (*at - '0') * (scale /= 10);
  if (at < end && (*at | 0x20) == 'e') {
    at++;
    bool small = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) at++;
    int exponent = 0;
    for (; at < end && *at >= '0' && *at <= '9' && exponent < 400; at++) exponent = exponent * 10 + (*at - '0');
    while (exponent-- > 0) number = small ? number / 10 : number * 10;
  }
  *value = negative ? -number : number;
  return at == end;
}

bool ls_get_texts(const ls_settings *settings, const char *key, ls_text *values, size_t max, size_t *count) {
  const ls_text *json = value_of(settings, key);
  if (!json) return true;
  reader r = {json->ptr, json->ptr + json->len};
  *count = 0;
  if (!next_is(&r, '[')) return false;
  if (next_is(&r, ']')) return true;
  do {
    if (*count == max || !read_text(&r, &values[*count])) return false;
    ++*count;
  } while (next_is(&r, ','));
  return next_is(&r, ']');
}

bool ls_unknown_key(const ls_settings *settings, const char *const *known, ls_text *key) {
  for (size_t i = 0; i < settings->count; i++) {
    const char *const *name = known;
    while (*name && !ls_equal(settings->entries[i].key, ls_str(*name))) name++;
    if (*name) continue;
    *key = settings->entries[i].key;
    return true;
  }
  return false;
}

#ifdef __wasm__
#pragma clang attribute pop
#endif
