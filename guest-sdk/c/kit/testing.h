// For an author's own tests, natively: neither Wasm nor the agent is needed. `make test` runs them.
#ifndef LOGSIEVE_TESTING_H
#define LOGSIEVE_TESTING_H

#ifdef __cplusplus
extern "C" {
#endif

// Shows the lines of a log to the filter, in one batch that is the last, and gives back the lines that would be
// forwarded; or `refused: ` and what the filter says of its settings (JSON) or of the batch. Valid until the
// next one. Patterns are run by the agent, and not here: `logsieve filter test` has them.
const char *ls_run(const char *settings, const char *log);

// What `ls_origin` knows from now on; not copied.
void ls_set_fact(const char *name, const char *value);

// Ends the test with both texts where they differ.
#define ls_expect(got, wanted) ls_expect_at(__FILE__, __LINE__, got, wanted)
void ls_expect_at(const char *file, int line, const char *got, const char *wanted);

#ifdef __cplusplus
}
#endif
#endif
