// Package logsieve is for filters of the logsieve agent, written in Go.
//
// A filter looks at log records and may drop them, change them or add to them. An author calls
// Export in an init function, and leaves main empty:
//
//	func init() {
//		logsieve.Export(struct{}{}, func(struct{}) (logsieve.Filter, error) {
//			return logsieve.EachRecord(func(record logsieve.Record) {
//				if bytes.HasPrefix(record.Text(), []byte("DEBUG")) {
//					record.Discard()
//				}
//			}), nil
//		})
//	}
//
// Filters are tested with `go test`: see Run.
package logsieve

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// A Filter judges a batch. An error means that the whole batch cannot be judged, and the operator's
// policy says what becomes of it; a record that is merely odd is no error. What a filter keeps from
// one call to the next must not matter for what comes out: several instances run side by side.
type Filter func(batch *Batch) error

// EachRecord makes a filter of a function that judges one record at a time.
func EachRecord(judge func(record Record)) Filter {
	return func(batch *Batch) error {
		for at := range batch.Len() {
			judge(batch.Record(at))
		}
		return nil
	}
}

// Export says what the agent runs. Settings are read into a copy of defaults; a key that it does not
// have is refused. The error of make is shown to the operator. Call it once, in an init function.
func Export[S any](defaults S, make func(settings S) (Filter, error)) {
	configure = func(text []byte) (Filter, error) {
		settings := defaults
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&settings); err != nil {
			return nil, fmt.Errorf("settings: %w", err)
		}
		return make(settings)
	}
}

var configure func(settings []byte) (Filter, error)

// Stream is the output of the container that a record was written to.
type Stream uint8

// As file descriptors are numbered.
const (
	Stdout Stream = 1
	Stderr Stream = 2
)

// Batch holds records of one container, in the order of its log. It and its texts are valid until
// the filter returns.
type Batch struct {
	text    []byte
	ends    []uint32
	times   []uint64
	streams []byte
	last    bool
	edits   []edit
	hold    int
}

// Len is how many records there are: at least one.
func (b *Batch) Len() int { return len(b.ends) }

// Record is the record at a place, counted from 0.
func (b *Batch) Record(at int) Record {
	if at < 0 || at >= len(b.ends) {
		panic(fmt.Sprintf("record %d of a batch of %d", at, len(b.ends)))
	}
	return Record{b, at}
}

// IsLast says that nothing may be held back: the container is quiet or has ended.
func (b *Batch) IsLast() bool { return b.last }

// Hold shows the last records again, in front of the next batch: their event is not complete yet.
// It is an error when the batch is the last, or when a held record is also changed.
func (b *Batch) Hold(count int) { b.hold = count }

// Record is one record: what is in it, and what shall become of it. A record that nothing is done to
// passes as it is, and costs nothing. Discarding beats replacing, and replacing beats splicing, in
// whatever order they are called.
type Record struct {
	batch *Batch
	at    int
}

// Text is the record's text: bytes, not necessarily UTF-8. It is not to be changed or kept.
func (r Record) Text() []byte {
	start := uint32(0)
	if r.at > 0 {
		start = r.batch.ends[r.at-1]
	}
	end := r.batch.ends[r.at]
	return r.batch.text[start:end:end]
}

// Time is when the record was written.
func (r Record) Time() time.Time { return time.Unix(0, int64(r.batch.times[r.at])).UTC() }

// Stream is the output that it was written to.
func (r Record) Stream() Stream { return Stream(r.batch.streams[r.at]) }

// Discard does not forward the record. Records that are added to it are still forwarded.
func (r Record) Discard() { r.push(edit{kind: drop}) }

// Replace forwards another text in place of the record's own. The last call counts.
func (r Record) Replace(text []byte) { r.push(edit{kind: replace, text: bytes.Clone(text)}) }

// Splice puts text in place of the bytes start..end of Text; whatever was spliced before.
func (r Record) Splice(start, end int, text []byte) {
	r.push(edit{kind: splice, start: start, end: end, text: bytes.Clone(text)})
}

// Add forwards one more record after this one, with its stream, time and route.
func (r Record) Add(text []byte) { r.push(edit{kind: add, text: bytes.Clone(text)}) }

// SetTime gives the record another time. The last call counts.
func (r Record) SetTime(time time.Time) { r.push(edit{kind: setTime, time: uint64(time.UnixNano())}) }

// Route sends the record to another destination, by its name; one of those that the operator lets
// this filter choose. The last call counts.
func (r Record) Route(destination string) { r.push(edit{kind: route, text: []byte(destination)}) }

func (r Record) push(e edit) {
	e.at = r.at
	r.batch.edits = append(r.batch.edits, e)
}

// Origin is a fact about the container that wrote the batch, by OpenTelemetry name (k8s.pod.name).
func Origin(name string) (value string, known bool) { return world.origin(name) }

// Patterns are regular expressions that the agent runs, at native speed. They are compiled when the
// filter is made, and may be used for as long as it lives.
type Patterns struct{ handle int32 }

// Found is one match: which record, which pattern, and where in the record.
type Found struct{ Record, Pattern, Start, End int }

// CompilePatterns compiles expressions in the syntax of RE2 (and of Rust's regex crate).
func CompilePatterns(expressions ...string) (*Patterns, error) { return world.compile(expressions) }

// Find gives every match in the batch in hand, by record, then by place.
func (p *Patterns) Find() []Found { return world.find(p) }

// Records gives the records of the batch in hand in which any pattern matches. Cheaper than Find.
func (p *Patterns) Records() []int { return world.matches(p) }

// Level says how important a message is.
type Level uint8

// The levels of the agent's log.
const (
	Debug Level = iota
	Info
	Warn
	Error
)

// Log writes to the agent's log, under the filter's name; 10 messages a second.
func Log(level Level, message string) { world.log(level, message) }

// Count adds to a counter, which the agent shows as a metric: [a-z][a-z0-9_]*, at most 32 names.
func Count(name string, by uint64) { world.count(name, by) }

// What a filter may ask for: the agent, or a test.
var world interface {
	origin(name string) (string, bool)
	compile(expressions []string) (*Patterns, error)
	find(set *Patterns) []Found
	matches(set *Patterns) []int
	log(level Level, message string)
	count(name string, by uint64)
}
