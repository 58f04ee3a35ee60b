// Edits, collected in any order, sorted and checked when the batch is done.
//
// The contract wants them by record; for one record a drop, a replace or splices by place, then a
// time, a route and what is added. Sorting is stable, so what is added keeps its order and the last
// word of a kind is found behind the others.
#include "edits.h"

typedef logsieve_filter_records_edit_t edit_t;

// No batch comes near it: the agent allows some 16 MiB of edits.
#define EDITS_MAX (1u << 20)

static edit_t *push(ls_batch *batch, size_t at, uint8_t tag) {
  ls_check_record(batch, at);
  if (batch->count == EDITS_MAX) ls_give_up("the filter makes too many changes");
  if (batch->count == batch->room) {
    batch->room = batch->room ? batch->room * 2 : 16;
    edit_t *former = batch->edits;
    batch->edits = ls_allocate(batch->room * sizeof(edit_t));
    if (batch->count) memcpy(batch->edits, former, batch->count * sizeof(edit_t));
  }
  edit_t *edit = &batch->edits[batch->count++];
  *edit = (edit_t){.at = (uint32_t)at, .change = {.tag = tag}};
  return edit;
}

static log_filter_list_u8_t copy(ls_text text) {
  log_filter_list_u8_t list = {ls_allocate(text.len), text.len};
  if (text.len) memcpy(list.ptr, text.ptr, text.len);
  return list;
}

// The smaller the earlier: one number for record, rank and place.
static int compare(const edit_t *a, const edit_t *b) {
  if (a->at != b->at) return a->at < b->at ? -1 : 1;
  if (a->change.tag != b->change.tag) return a->change.tag < b->change.tag ? -1 : 1;
  if (a->change.tag != LOGSIEVE_FILTER_RECORDS_CHANGE_SPLICE) return 0;
  uint32_t start = a->change.val.splice.start, other = b->change.val.splice.start;
  return (start > other) - (start < other);
}

static void note(ls_batch *batch) {
  size_t n = batch->count;
  if (n > 1 && compare(&batch->edits[n - 2], &batch->edits[n - 1]) > 0) batch->sorted = false;
}

void ls_discard(ls_batch *batch, size_t at) {
  push(batch, at, LOGSIEVE_FILTER_RECORDS_CHANGE_DROP);
  note(batch);
}

void ls_replace(ls_batch *batch, size_t at, ls_text text) {
  push(batch, at, LOGSIEVE_FILTER_RECORDS_CHANGE_REPLACE)->change.val.replace = copy(text);
  note(batch);
}

void ls_splice(ls_batch *batch, size_t at, size_t start, size_t end, ls_text text) {
  edit_t *edit = push(batch, at, LOGSIEVE_FILTER_RECORDS_CHANGE_SPLICE);
  edit->change.val.splice = (logsieve_filter_records_splice_t){(uint32_t)start, (uint32_t)end, copy(text)};
  note(batch);
}

void ls_add(ls_batch *batch, size_t at, ls_text text) {
  push(batch, at, LOGSIEVE_FILTER_RECORDS_CHANGE_ADD)->change.val.add = copy(text);
  note(batch);
}

void ls_set_time(ls_batch *batch, size_t at, uint64_t nanoseconds) {
  push(batch, at, LOGSIEVE_FILTER_RECORDS_CHANGE_SET_TIME)->change.val.set_time = nanoseconds;
  note(batch);
}

void ls_route(ls_batch *batch, size_t at, ls_text destination) {
  log_filter_list_u8_t name = copy(destination);
  push(batch, at, LOGSIEVE_FILTER_RECORDS_CHANGE_ROUTE)->change.val.route = (log_filter_string_t){name.ptr, name.len};
  note(batch);
}

void ls_hold(ls_batch *batch, size_t count) { batch->hold = count; }

// Merges the sorted halves of `edits` over `spare`. Stable.
static void sort(edit_t *edits, edit_t *spare, size_t count) {
  if (count < 2) return;
  size_t half = count / 2, left = 0, right = half, out = 0;
  sort(edits, spare, half);
  sort(edits + half, spare, count - half);
  memcpy(spare, edits, count * sizeof(edit_t));
  while (left < half && right < count)
    edits[out++] = compare(&spare[right], &spare[left]) < 0 ? spare[right++] : spare[left++];
  while (left < half) edits[out++] = spare[left++];
  while (right < count) edits[out++] = spare[right++];
}

// Whether `later`, the neighbour in order, is of no effect (or, of the same kind, `earlier` is).
static bool beats(const edit_t *earlier, const edit_t *later) {
  uint8_t a = earlier->change.tag, b = later->change.tag;
  if (earlier->at != later->at) return false;
  if (a == LOGSIEVE_FILTER_RECORDS_CHANGE_DROP || a == LOGSIEVE_FILTER_RECORDS_CHANGE_REPLACE)
    return b <= LOGSIEVE_FILTER_RECORDS_CHANGE_SPLICE;
  return a == b && (a == LOGSIEVE_FILTER_RECORDS_CHANGE_SET_TIME || a == LOGSIEVE_FILTER_RECORDS_CHANGE_ROUTE);
}

static void leave_out(ls_batch *batch) {
  size_t kept = 0;
  for (size_t i = 0; i < batch->count; i++) {
    edit_t *edit = &batch->edits[i], *last = kept ? &batch->edits[kept - 1] : NULL;
    if (!last || !beats(last, edit)) {
      batch->edits[kept++] = *edit;
      continue;
    }
    // Of one kind the last word counts.
    if (last->change.tag == edit->change.tag) *last = *edit;
  }
  batch->count = kept;
}

const char *ls_finish(ls_batch *batch) {
  size_t records = batch->columns->ends.len;
  if (batch->hold > records) return "the filter holds more records than the batch has";
  if (batch->hold && batch->columns->last) return "the filter holds records of a batch that is the last";
  if (!batch->sorted) {
    sort(batch->edits, ls_allocate(batch->count * sizeof(edit_t)), batch->count);
  }
  leave_out(batch);
  if (batch->count && batch->edits[batch->count - 1].at >= records - batch->hold)
    return "the filter changes a record that it also holds";
  const edit_t *former = NULL;
  for (size_t i = 0; i < batch->count; i++) {
    const edit_t *edit = &batch->edits[i];
    if (edit->change.tag != LOGSIEVE_FILTER_RECORDS_CHANGE_SPLICE) continue;
    uint32_t start = edit->change.val.splice.start, end = edit->change.val.splice.end;
    if (start > end || end > ls_record(batch, edit->at).len) return "the filter splices outside a record";
    if (former && former->at == edit->at && former->change.val.splice.end > start)
      return "the filter splices parts of a record that overlap";
    former = edit;
  }
  return NULL;
}
