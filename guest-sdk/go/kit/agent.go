//go:build wasip1

package logsieve

import (
	"errors"
	"fmt"
	"runtime/debug"
	"unsafe"
)

// The boundary to the agent, by the canonical ABI: what crosses it lies in linear memory, by address
// and length. Addresses are 32 bits wide, and Go's collector moves nothing.

func init() { world = agent{} }

type agent struct{}

// What the agent writes to us goes to buffers that are used again in the next call: a call makes no
// garbage of the batch's size.
var lent struct {
	buffers [][]uint64
	used    int
}

//go:wasmexport cabi_realloc
func reallocate(old unsafe.Pointer, oldSize, align, size uint32) unsafe.Pointer {
	words := int(size+7)/8 + 1
	if lent.used == len(lent.buffers) {
		lent.buffers = append(lent.buffers, nil)
	}
	buffer := &lent.buffers[lent.used]
	lent.used++
	if len(*buffer) < words {
		*buffer = make([]uint64, words)
	}
	at := unsafe.Pointer(unsafe.SliceData(*buffer))
	if oldSize > 0 {
		copy(unsafe.Slice((*byte)(at), size), unsafe.Slice((*byte)(old), oldSize))
	}
	return at
}

// What the agent reads from us, kept until it has.
var given struct {
	area  [4]uint32
	edits []rawEdit
	batch Batch
	error string
}

// One edit as the contract lays it out: 32 bytes.
type rawEdit struct {
	at         uint32
	_          uint32
	tag        uint8
	_          [7]byte
	a, b, c, d uint32
}

var filter Filter

//go:wasmexport logsieve:filter/filter@0.1.0#configure
func exportConfigure(text unsafe.Pointer, length uint32) (area unsafe.Pointer) {
	defer func() {
		if why := recover(); why != nil {
			area = fail(panicked(why))
		}
	}()
	made, err := configure(unsafe.Slice((*byte)(text), length))
	if err != nil {
		return fail(err)
	}
	filter = made
	given.area[0] = 0
	return unsafe.Pointer(&given.area)
}

//go:wasmexport logsieve:filter/filter@0.1.0#process
func exportProcess(text unsafe.Pointer, textLen uint32, ends unsafe.Pointer, endsLen uint32,
	times unsafe.Pointer, timesLen uint32, streams unsafe.Pointer, streamsLen uint32, last uint32) (area unsafe.Pointer) {
	defer func() {
		if why := recover(); why != nil {
			area = fail(panicked(why))
		}
	}()
	batch := &given.batch
	*batch = Batch{
		text:    unsafe.Slice((*byte)(text), textLen),
		ends:    unsafe.Slice((*uint32)(ends), endsLen),
		times:   unsafe.Slice((*uint64)(times), timesLen),
		streams: unsafe.Slice((*byte)(streams), streamsLen),
		last:    last != 0,
		edits:   batch.edits[:0],
	}
	if err := filter(batch); err != nil {
		return fail(err)
	}
	if err := batch.finish(); err != nil {
		return fail(err)
	}
	given.edits = given.edits[:0]
	for i := range batch.edits {
		given.edits = append(given.edits, batch.edits[i].raw())
	}
	given.area = [4]uint32{0, address(unsafe.SliceData(given.edits)), uint32(len(given.edits)), uint32(batch.hold)}
	return unsafe.Pointer(&given.area)
}

func (e *edit) raw() rawEdit {
	raw := rawEdit{at: uint32(e.at), tag: uint8(e.kind)}
	text, length := address(unsafe.SliceData(e.text)), uint32(len(e.text))
	switch e.kind {
	case replace, route, add:
		raw.a, raw.b = text, length
	case splice:
		raw.a, raw.b, raw.c, raw.d = uint32(e.start), uint32(e.end), text, length
	case setTime:
		raw.a, raw.b = uint32(e.time), uint32(e.time>>32)
	}
	return raw
}

// address never gives nil: the agent wants an address inside the memory for what is empty, too.
func address[T any](at *T) uint32 {
	if at == nil {
		return address(&given.area)
	}
	return uint32(uintptr(unsafe.Pointer(at)))
}

func fail(err error) unsafe.Pointer {
	given.error = err.Error()
	given.area = [4]uint32{1, address(unsafe.StringData(given.error)), uint32(len(given.error)), 0}
	return unsafe.Pointer(&given.area)
}

// panicked makes an error of a panic, and puts the stack into the agent's log.
func panicked(why any) error {
	Log(Error, fmt.Sprintf("panic: %v\n%s", why, debug.Stack()))
	return fmt.Errorf("panic: %v", why)
}

//go:wasmexport cabi_post_logsieve:filter/filter@0.1.0#configure
func configured(area unsafe.Pointer) { lent.used = 0 }

//go:wasmexport cabi_post_logsieve:filter/filter@0.1.0#process
func processed(area unsafe.Pointer) { lent.used = 0 }

//go:wasmimport logsieve:filter/origin@0.1.0 get
func originGet(name unsafe.Pointer, length uint32, result unsafe.Pointer)

//go:wasmimport logsieve:filter/patterns@0.1.0 [static]pattern-set.compile
func patternsCompile(list unsafe.Pointer, length uint32, result unsafe.Pointer)

//go:wasmimport logsieve:filter/patterns@0.1.0 [method]pattern-set.find
func patternsFind(set int32, result unsafe.Pointer)

//go:wasmimport logsieve:filter/patterns@0.1.0 [method]pattern-set.matches
func patternsMatches(set int32, result unsafe.Pointer)

//go:wasmimport logsieve:filter/report@0.1.0 log
func reportLog(level uint32, message unsafe.Pointer, length uint32)

//go:wasmimport logsieve:filter/report@0.1.0 count
func reportCount(name unsafe.Pointer, length uint32, by uint64)

// Where imports leave their results: one at a time.
var result [3]uint32

func str(s string) (unsafe.Pointer, uint32) {
	if s == "" {
		return unsafe.Pointer(&result), 0
	}
	return unsafe.Pointer(unsafe.StringData(s)), uint32(len(s))
}

// text is a copy of what lies at an address.
func text(at, length uint32) string {
	return string(unsafe.Slice((*byte)(unsafe.Pointer(uintptr(at))), length))
}

func (agent) origin(name string) (string, bool) {
	at, length := str(name)
	originGet(at, length, unsafe.Pointer(&result))
	if uint8(result[0]) == 0 {
		return "", false
	}
	return text(result[1], result[2]), true
}

func (agent) compile(expressions []string) (*Patterns, error) {
	list := make([][2]uint32, len(expressions)+1)
	for i, e := range expressions {
		at, length := str(e)
		list[i] = [2]uint32{uint32(uintptr(at)), length}
	}
	patternsCompile(unsafe.Pointer(unsafe.SliceData(list)), uint32(len(expressions)), unsafe.Pointer(&result))
	if uint8(result[0]) != 0 {
		return nil, errors.New(text(result[1], result[2]))
	}
	return &Patterns{int32(result[1])}, nil
}

func (agent) find(set *Patterns) []Found {
	patternsFind(set.handle, unsafe.Pointer(&result))
	found := make([]Found, result[1])
	for i, raw := range unsafe.Slice((*[4]uint32)(unsafe.Pointer(uintptr(result[0]))), result[1]) {
		found[i] = Found{int(raw[0]), int(raw[1]), int(raw[2]), int(raw[3])}
	}
	return found
}

func (agent) matches(set *Patterns) []int {
	patternsMatches(set.handle, unsafe.Pointer(&result))
	records := make([]int, result[1])
	for i, at := range unsafe.Slice((*uint32)(unsafe.Pointer(uintptr(result[0]))), result[1]) {
		records[i] = int(at)
	}
	return records
}

func (agent) log(level Level, message string) {
	at, length := str(message)
	reportLog(uint32(level), at, length)
}

func (agent) count(name string, by uint64) {
	at, length := str(name)
	reportCount(at, length, by)
}
