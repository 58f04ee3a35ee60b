// Memory for one call: what the agent hands over, what it is asked for and what the filter gives back
// lie one behind another, and are given back all at once when the agent has read the outcome.
//
// No `free` is ever needed, a call costs nothing to clean up, and no allocator is linked (a filter
// that calls `malloc` itself gets libc's, beside this). What `filter_configure` makes stays for ever.
#include <stdlib.h>

#include "edits.h"

#define PAGE 65536u

// Runs of memory pages; more are added at the end when a call needs more than any before it.
#define RUNS_MAX 64
static struct {
  uint8_t *start;
  size_t len;
} runs[RUNS_MAX];
static size_t run_count;
// Where the next block goes, and where a call's memory begins.
static struct {
  size_t run, at;
} next, floor_;

static void add_run(size_t bytes) {
  size_t pages = (bytes + PAGE - 1) / PAGE;
  size_t start = __builtin_wasm_memory_grow(0, pages);
  if (start == SIZE_MAX) abort();
  uint8_t *at = (uint8_t *)(start * PAGE);
  // A neighbour grows, so that blocks may grow with it.
  if (run_count && runs[run_count - 1].start + runs[run_count - 1].len == at) {
    runs[run_count - 1].len += pages * PAGE;
    return;
  }
  if (run_count == RUNS_MAX) abort();
  runs[run_count].start = at;
  runs[run_count++].len = pages * PAGE;
}

static void *allocate(size_t bytes) {
  bytes = (bytes + 15) & ~(size_t)15;
  // Passes what is too small; it is used again in the next call.
  while (next.run < run_count && runs[next.run].len - next.at < bytes) {
    if (next.run + 1 == run_count) break;
    next.run++, next.at = 0;
  }
  if (next.run == run_count || runs[next.run].len - next.at < bytes) {
    size_t before = run_count;
    add_run(bytes);
    if (run_count > before) next.run = run_count - 1, next.at = 0;
  }
  void *block = runs[next.run].start + next.at;
  next.at += bytes;
  return block;
}

void *ls_allocate(size_t bytes) { return allocate(bytes ? bytes : 1); }

// The agent grows nothing in practice; a block that grows is copied.
__attribute__((__export_name__("cabi_realloc")))
void *cabi_realloc(void *old, size_t old_bytes, size_t align, size_t bytes) {
  (void)align;
  void *block = ls_allocate(bytes);
  if (old_bytes) memcpy(block, old, old_bytes < bytes ? old_bytes : bytes);
  return block;
}

void ls_keep_memory(void) { floor_ = next; }
void ls_reuse_memory(void) { next = floor_; }
