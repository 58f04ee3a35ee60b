package logsieve

import (
	"fmt"
	"slices"
)

// As the contract numbers them.
const (
	drop = iota
	replace
	splice
	setTime
	route
	add
)

type edit struct {
	at, kind, start, end int
	time                 uint64
	text                 []byte
}

// finish puts edits into the order that the contract asks for, leaves out what another beats, and
// checks what cannot be put right.
func (b *Batch) finish() error {
	if b.hold < 0 || b.hold > b.Len() {
		return fmt.Errorf("filter holds %d records of a batch of %d", b.hold, b.Len())
	}
	if b.hold > 0 && b.last {
		return fmt.Errorf("filter holds %d records of a batch that is the last", b.hold)
	}
	order := func(a, b edit) int {
		switch {
		case a.at != b.at:
			return a.at - b.at
		case a.kind != b.kind:
			return a.kind - b.kind
		case a.kind == splice:
			return a.start - b.start
		}
		return 0
	}
	if !slices.IsSortedFunc(b.edits, order) {
		slices.SortStableFunc(b.edits, order)
	}
	kept := b.edits[:0]
	for _, e := range b.edits {
		if n := len(kept); n > 0 && beats(kept[n-1], e) {
			if kept[n-1].kind == e.kind {
				kept[n-1] = e // of one kind the last word counts
			}
			continue
		}
		kept = append(kept, e)
	}
	b.edits = kept
	return b.check()
}

// beats says whether the earlier of two neighbours leaves nothing of the later one, or, of the same
// kind, the other way round.
func beats(earlier, later edit) bool {
	if earlier.at != later.at {
		return false
	}
	switch earlier.kind {
	case drop, replace:
		return later.kind <= splice
	case setTime, route:
		return later.kind == earlier.kind
	}
	return false
}

func (b *Batch) check() error {
	if n := len(b.edits); n > 0 && b.edits[n-1].at >= b.Len()-b.hold {
		return fmt.Errorf("filter changes record %d, which it also holds", b.edits[n-1].at)
	}
	var former *edit
	for i := range b.edits {
		e := &b.edits[i]
		if e.kind != splice {
			continue
		}
		if length := len(b.Record(e.at).Text()); e.start < 0 || e.start > e.end || e.end > length {
			return fmt.Errorf("filter splices %d..%d of record %d, which has %d bytes", e.start, e.end, e.at, length)
		}
		if former != nil && former.at == e.at && former.end > e.start {
			return fmt.Errorf("filter splices %d..%d and %d..%d of record %d, which overlap", former.start, former.end, e.start, e.end, e.at)
		}
		former = e
	}
	return nil
}
