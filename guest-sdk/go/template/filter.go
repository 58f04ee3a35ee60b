// Drops records that hold one of some texts, and masks passwords.
package main

import (
	"bytes"

	logsieve "my_filter/kit"
)

// Settings is what the operator may set.
type Settings struct {
	// Drop: a record that holds one of these texts is not forwarded.
	Drop []string `json:"drop"`
}

func init() {
	defaults := Settings{Drop: []string{"GET /healthz"}}
	logsieve.Export(defaults, func(settings Settings) (logsieve.Filter, error) {
		return logsieve.EachRecord(func(record logsieve.Record) {
			for _, text := range settings.Drop {
				if bytes.Contains(record.Text(), []byte(text)) {
					record.Discard()
					return
				}
			}
			mask(record)
		}), nil
	})
}

var password = []byte("password=")

// mask puts stars in place of whatever stands behind `password=`.
func mask(record logsieve.Record) {
	text := record.Text()
	for from := 0; ; {
		found := bytes.Index(text[from:], password)
		if found < 0 {
			return
		}
		start := from + found + len(password)
		end := start
		for end < len(text) && bytes.IndexByte([]byte(" &\"\t"), text[end]) < 0 {
			end++
		}
		if end > start {
			record.Splice(start, end, []byte("***"))
			logsieve.Count("passwords", 1)
		}
		from = end
	}
}

// The agent calls the filter; main is never run.
func main() {}
