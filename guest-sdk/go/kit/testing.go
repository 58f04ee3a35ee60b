//go:build !wasip1

package logsieve

import (
	"fmt"
	"regexp"
)

// Run shows records to the filter that was exported, in one batch that is the last, and gives back
// the texts that would be forwarded. It is for `go test`: neither Wasm nor the agent is needed.
// settings are JSON, and facts what Origin knows.
func Run(settings string, facts map[string]string, records ...string) ([]string, error) {
	fake := &test{facts: facts}
	world = fake
	filter, err := configure([]byte(settings))
	if err != nil {
		return nil, err
	}
	batch := &Batch{last: true}
	for n, record := range records {
		batch.text = append(batch.text, record...)
		batch.ends = append(batch.ends, uint32(len(batch.text)))
		batch.times = append(batch.times, 1_767_225_600_000_000_000+uint64(n)*1_000_000)
		batch.streams = append(batch.streams, byte(Stdout))
	}
	fake.batch = batch
	if err := filter(batch); err != nil {
		return nil, err
	}
	if err := batch.finish(); err != nil {
		return nil, err
	}
	return batch.apply(), nil
}

func (b *Batch) apply() (forwarded []string) {
	edits := b.edits
	for at := range b.Len() {
		text, dropped, moved := string(b.Record(at).Text()), false, 0
		var added []string
		for ; len(edits) > 0 && edits[0].at == at; edits = edits[1:] {
			switch e := edits[0]; e.kind {
			case drop:
				dropped = true
			case replace:
				text = string(e.text)
			case splice:
				text = text[:e.start+moved] + string(e.text) + text[e.end+moved:]
				moved += len(e.text) - (e.end - e.start)
			case add:
				added = append(added, string(e.text))
			}
		}
		if !dropped {
			forwarded = append(forwarded, text)
		}
		forwarded = append(forwarded, added...)
	}
	return forwarded
}

// test answers where the agent would.
type test struct {
	facts map[string]string
	batch *Batch
	sets  [][]*regexp.Regexp
}

func (t *test) origin(name string) (string, bool) {
	value, known := t.facts[name]
	return value, known
}

func (t *test) compile(expressions []string) (*Patterns, error) {
	var set []*regexp.Regexp
	for n, text := range expressions {
		expression, err := regexp.Compile(text)
		if err != nil {
			return nil, fmt.Errorf("pattern %d `%s`: %w", n, text, err)
		}
		set = append(set, expression)
	}
	t.sets = append(t.sets, set)
	return &Patterns{int32(len(t.sets) - 1)}, nil
}

// find looks for the leftmost match over all patterns, the earlier pattern where two start together.
func (t *test) find(set *Patterns) (found []Found) {
	for at := range t.batch.Len() {
		text := t.batch.Record(at).Text()
		for from := 0; from <= len(text); {
			best := Found{Start: -1}
			for n, expression := range t.sets[set.handle] {
				match := expression.FindIndex(text[from:])
				if match != nil && (best.Start < 0 || from+match[0] < best.Start) {
					best = Found{at, n, from + match[0], from + match[1]}
				}
			}
			if best.Start < 0 {
				break
			}
			found = append(found, best)
			from = max(best.End, best.Start+1)
		}
	}
	return found
}

func (t *test) matches(set *Patterns) (records []int) {
	for _, found := range t.find(set) {
		if n := len(records); n == 0 || records[n-1] != found.Record {
			records = append(records, found.Record)
		}
	}
	return records
}

func (t *test) log(Level, string)    {}
func (t *test) count(string, uint64) {}
