package main

import (
	"slices"
	"testing"

	logsieve "my_filter/kit"
)

func TestPasswordsAreMasked(t *testing.T) {
	got, err := logsieve.Run(`{}`, nil, "password=secret ok", "GET /healthz")
	if want := []string{"password=*** ok"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func TestUnknownSettingsAreRefused(t *testing.T) {
	if _, err := logsieve.Run(`{"dorp": []}`, nil, "a"); err == nil {
		t.Error("a misspelt setting was taken")
	}
}
