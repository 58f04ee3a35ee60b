// What a filter changes, and how it is put into the order that the contract asks for. Not for authors.
#ifndef LOGSIEVE_EDITS_H
#define LOGSIEVE_EDITS_H

#include "log_filter.h"
#include "logsieve.h"

struct ls_batch {
  exports_logsieve_filter_filter_batch_t *columns;
  logsieve_filter_records_edit_t *edits;
  size_t count, room, hold;
  bool sorted;
};

// Memory until the call ends, aligned to 16 bytes. Where there is none, the call ends here.
void *ls_allocate(size_t bytes);
// What is allocated now stays for ever; what was allocated since then is used again.
void ls_keep_memory(void);
void ls_reuse_memory(void);

// Says why in the agent's log, and ends the call as a trap.
_Noreturn void ls_give_up(const char *why);
// Gives up where there is no such record.
void ls_check_record(const ls_batch *batch, size_t at);

// Sorts, leaves out what another change beats, and checks. NULL, or which rule is broken.
const char *ls_finish(ls_batch *batch);

#endif
