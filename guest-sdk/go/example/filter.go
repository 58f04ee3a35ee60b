// A worked example that uses every call of the kit: it does to a record what its text says.
//
// Commands, with `; ` between them: `drop`, `replace X`, `splice 0..3 X`, `add X`, `set-time MS`,
// `route X`, `origin NAME`, `stream`, `time`, `count NAME`, `log X`, `fail X`. Other words do nothing.
// Settings: `patterns` marks every match, or with `drop_matching` drops the records that have one;
// `join` joins records that begin with a tab to the one before them.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	logsieve "my_filter/kit"
)

// Settings is what the operator may set.
type Settings struct {
	Patterns     []string `json:"patterns"`
	DropMatching bool     `json:"drop_matching"`
	Join         bool     `json:"join"`
}

func init() { logsieve.Export(Settings{}, newFilter) }

func newFilter(settings Settings) (logsieve.Filter, error) {
	if settings.Join {
		return join, nil
	}
	if len(settings.Patterns) == 0 {
		return obeyAll, nil
	}
	patterns, err := logsieve.CompilePatterns(settings.Patterns...)
	if err != nil {
		return nil, err
	}
	return func(batch *logsieve.Batch) error {
		if settings.DropMatching {
			for _, at := range patterns.Records() {
				batch.Record(at).Discard()
			}
			return nil
		}
		for _, found := range patterns.Find() {
			batch.Record(found.Record).Splice(found.Start, found.End, fmt.Appendf(nil, "[%d]", found.Pattern))
		}
		return nil
	}, nil
}

func obeyAll(batch *logsieve.Batch) error {
	for at := range batch.Len() {
		record := batch.Record(at)
		for command := range strings.SplitSeq(string(record.Text()), "; ") {
			if err := obey(record, command); err != nil {
				return err
			}
		}
	}
	return nil
}

func obey(record logsieve.Record, command string) error {
	name, rest, _ := strings.Cut(command, " ")
	switch name {
	case "drop":
		record.Discard()
	case "replace":
		record.Replace([]byte(rest))
	case "splice":
		bounds, text, _ := strings.Cut(rest, " ")
		start, end, _ := strings.Cut(bounds, "..")
		record.Splice(number(start), number(end), []byte(text))
	case "add":
		record.Add([]byte(rest))
	case "set-time":
		record.SetTime(time.UnixMilli(int64(number(rest))))
	case "route":
		record.Route(rest)
	case "origin":
		value, known := logsieve.Origin(rest)
		if !known {
			value = "unknown"
		}
		record.Replace([]byte(value))
	case "stream":
		record.Replace([]byte(map[logsieve.Stream]string{logsieve.Stdout: "stdout", logsieve.Stderr: "stderr"}[record.Stream()]))
	case "time":
		record.Replace(strconv.AppendInt(nil, record.Time().UnixMilli(), 10))
	case "count":
		logsieve.Count(rest, 1)
	case "log":
		logsieve.Log(logsieve.Info, rest)
	case "fail":
		return errors.New(rest)
	}
	return nil
}

func number(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

// join joins records that begin with a tab to the one before them. The last event may go on in the
// next batch, so it is held until more comes, or nothing will.
func join(batch *logsieve.Batch) error {
	for start := 0; start < batch.Len(); {
		end := start + 1
		for end < batch.Len() && bytes.HasPrefix(batch.Record(end).Text(), []byte("\t")) {
			end++
		}
		switch {
		case end == batch.Len() && !batch.IsLast():
			batch.Hold(end - start)
		case end > start+1:
			joined := bytes.Clone(batch.Record(start).Text())
			for at := start + 1; at < end; at++ {
				joined = append(append(joined, '|'), batch.Record(at).Text()[1:]...)
				batch.Record(at).Discard()
			}
			batch.Record(start).Replace(joined)
		}
		start = end
	}
	return nil
}

// The agent calls the filter; main is never run.
func main() {}
