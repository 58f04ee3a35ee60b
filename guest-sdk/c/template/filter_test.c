// Tests that need neither Wasm nor the agent: `make test`.
#include "kit/testing.h"

static void passwords_are_masked(void) {
  ls_expect(ls_run("{}", "password=secret ok\nGET /healthz\n"), "password=*** ok\n");
}

static void a_misspelt_setting_is_refused(void) {
  ls_expect(ls_run("{\"dorp\": []}", ""), "refused: settings: there is no `dorp`");
}

int main(void) {
  passwords_are_masked();
  a_misspelt_setting_is_refused();
}
