// Tests that need neither Wasm nor the agent: `make test`.
#include "kit/testing.h"

static void passwords_are_masked() {
  ls_expect(ls_run("{}", "password=secret ok\nGET /healthz\n"), "password=*** ok\n");
}

static void a_misspelt_setting_is_refused() {
  ls_expect(ls_run(R"({"dorp": []})", ""), "refused: settings: there is no `dorp`");
}

int main() {
  passwords_are_masked();
  a_misspelt_setting_is_refused();
}
