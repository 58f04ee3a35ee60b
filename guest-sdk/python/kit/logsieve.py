"""Filters for the logsieve agent, in Python.

A filter is a module `filter.py` with one of two functions, and one more if it has settings:

    def record(record): ...     # judges one record at a time
    def batch(batch): ...       # looks at neighbours, holds records back, or uses patterns
    def configure(settings): ... # the operator's settings, a dict; once, before the first batch

An exception in `configure` refuses the settings, and one in the others says that the whole batch
cannot be judged; in both cases the operator is shown its text. What a filter keeps from one call to
the next must not matter for what comes out: several instances run side by side.

Text is bytes, not necessarily UTF-8, and possibly empty. Natively, for tests, there is `run`.
"""

from bisect import bisect_right

STDOUT, STDERR = 1, 2

# As the contract orders them.
_DROP, _REPLACE, _SPLICE, _SET_TIME, _ROUTE, _ADD = range(6)


class Unjudged(Exception):
    """Says in words why settings are refused, or a batch cannot be judged. Any other exception does
    too, and its traceback goes to the agent's log."""


class Record:
    """One record: what is in it, and what shall become of it. A record that nothing is done to passes
    as it is, and costs nothing. Discarding beats replacing, and replacing beats splicing, in whatever
    order they are called; of several texts, times or routes the last counts."""

    __slots__ = ("_batch", "at")

    def __init__(self, batch, at):
        self._batch, self.at = batch, at

    @property
    def text(self):
        """Its bytes, as they were handed over."""
        ends = self._batch._columns.ends
        return self._batch._columns.text[ends[self.at - 1] if self.at else 0 : ends[self.at]]

    @property
    def time(self):
        """When it was written: nanoseconds since the Unix epoch."""
        return self._batch._columns.times[self.at]

    @property
    def stream(self):
        """STDOUT or STDERR."""
        return self._batch._columns.streams[self.at]

    def discard(self):
        """Does not forward the record. Records added to it are still forwarded."""
        self._push(_DROP, None)

    def replace(self, text):
        """Forwards other bytes in place of its own."""
        self._push(_REPLACE, text)

    def splice(self, start, end, text):
        """Puts bytes in place of text[start:end], whatever was spliced before."""
        self._push(_SPLICE, (start, end, text))

    def add(self, text):
        """Forwards one more record after this one, with its stream, time and route."""
        self._push(_ADD, text)

    def set_time(self, nanoseconds):
        """Gives it another time: nanoseconds since the Unix epoch."""
        self._push(_SET_TIME, nanoseconds)

    def route(self, destination):
        """Sends it to another destination, one of those that the operator lets this filter choose."""
        self._push(_ROUTE, destination)

    def _push(self, kind, value):
        self._batch._edits.append((self.at, kind, value[0] if kind == _SPLICE else 0, value))


class Batch:
    """Records of one container, in the order of its log: `len(batch)`, `batch[0]`, `for record in batch`."""

    def __init__(self, columns):
        self._columns, self._edits, self._hold = columns, [], 0

    def __len__(self):
        return len(self._columns.ends)

    def __getitem__(self, at):
        if not 0 <= at < len(self):
            raise IndexError(f"record {at} of a batch of {len(self)}")
        return Record(self, at)

    def __iter__(self):
        return (Record(self, at) for at in range(len(self)))

    @property
    def is_last(self):
        """Nothing may be held back: the container is quiet or has ended."""
        return self._columns.last

    def hold(self, count):
        """Shows the last records again, in front of the next batch: their event is not complete yet.
        Not when the batch is the last, and no held record may be changed."""
        self._hold = count

    @property
    def whole_text(self):
        """The text of all records, one after another: the fastest way to look for something rare.
        `at_offset` says which record an offset lies in."""
        return self._columns.text

    def at_offset(self, offset):
        """The record that a byte of `whole_text` belongs to, and where it stands in that record."""
        at = bisect_right(self._columns.ends, offset)
        return self[at], offset - (self._columns.ends[at - 1] if at else 0)


class Patterns:
    """Regular expressions that the agent runs, at native speed. Make them in `configure`."""

    def __init__(self, *expressions):
        self._set = _world.compile(list(expressions))

    def find(self, batch):
        """Every match, as (record, pattern, start, end): by record, then by place."""
        return [(f.at, f.pattern, f.start, f.end) for f in _world.find(self._set, batch)]

    def records(self, batch):
        """The records in which any pattern matches. Cheaper than `find`."""
        return _world.matches(self._set, batch)


def origin(name):
    """A fact about the container that wrote the batch, by OpenTelemetry name (`k8s.pod.name`), or None."""
    return _world.origin(name)


def log(message, level="info"):
    """Writes to the agent's log: "debug", "info", "warn" or "error". 10 messages a second."""
    _world.log(level, message)


def count(name, by=1):
    """Adds to a counter, which the agent shows as a metric: `[a-z][a-z0-9_]*`, at most 32 names."""
    _world.count(name, by)


def judge(module, columns):
    """One call: shows the module its batch, and puts what it wants into the contract's order. Gives
    the edits as (at, kind, start, value), and how many records are held."""
    batch = Batch(columns)
    if hasattr(module, "batch"):
        module.batch(batch)
    else:
        record = module.record
        for one in batch:
            record(one)
    edits = sorted(batch._edits, key=lambda edit: edit[:3]) if batch._edits else batch._edits
    edits = _leave_out(edits)
    _check(batch, edits)
    return edits, batch._hold


def _leave_out(edits):
    kept = []
    for edit in edits:
        if not kept or not _beats(kept[-1], edit):
            kept.append(edit)
        elif kept[-1][1] == edit[1]:
            kept[-1] = edit  # of one kind the last word counts
    return kept


def _beats(earlier, later):
    if earlier[0] != later[0]:
        return False
    if earlier[1] in (_DROP, _REPLACE):
        return later[1] <= _SPLICE
    return earlier[1] == later[1] and earlier[1] in (_SET_TIME, _ROUTE)


def _check(batch, edits):
    records, hold = len(batch), batch._hold
    if not 0 <= hold <= records:
        raise Unjudged(f"filter holds {hold} records of a batch of {records}")
    if hold and batch.is_last:
        raise Unjudged(f"filter holds {hold} records of a batch that is the last")
    if edits and edits[-1][0] >= records - hold:
        raise Unjudged(f"filter changes record {edits[-1][0]}, which it also holds")
    former = (-1, 0)
    for at, kind, _, value in edits:
        if kind == _SPLICE:
            start, end, _ = value
            if not 0 <= start <= end <= len(batch[at].text):
                raise Unjudged(f"filter splices {start}..{end} of record {at}, which has {len(batch[at].text)} bytes")
            if former[0] == at and former[1] > start:
                raise Unjudged(f"filter splices parts of record {at} that overlap")
            former = (at, end)


class _Nothing:
    """Outside the agent and outside `run` nothing is known, and nobody listens."""

    def compile(self, expressions):
        import re

        return [re.compile(e.encode()) for e in expressions]

    def find(self, patterns, batch):
        from types import SimpleNamespace

        for record in batch:
            at, text = 0, record.text
            while at <= len(text):
                found = [(m.start(), n, m.end()) for n, p in enumerate(patterns) if (m := p.search(text, at))]
                if not found:
                    break
                start, pattern, end = min(found)
                yield SimpleNamespace(at=record.at, pattern=pattern, start=start, end=end)
                at = max(end, start + 1)

    def matches(self, patterns, batch):
        return [r.at for r in batch if any(p.search(r.text) for p in patterns)]

    def __init__(self, facts=None):
        self.facts = facts or {}

    def origin(self, name):
        return self.facts.get(name)

    def log(self, level, message):
        pass

    def count(self, name, by):
        pass


_world = _Nothing()


def run(module, records, settings=None, facts=None):
    """For tests, without Wasm: shows records to a filter, in one batch that is the last, and gives
    back the texts that would be forwarded. `module` is the filter's module."""
    from types import SimpleNamespace

    global _world
    _world = _Nothing(facts)
    if hasattr(module, "configure"):
        module.configure(settings or {})
    ends, text = [], b""
    for record in records:
        text += record
        ends.append(len(text))
    columns = SimpleNamespace(
        text=text, ends=ends, times=[n * 10**6 for n in range(len(ends))], streams=b"\x01" * len(ends), last=True
    )
    edits, _ = judge(module, columns)
    return list(_apply(Batch(columns), edits))


def _apply(batch, edits):
    for record in batch:
        text, dropped, added, moved = record.text, False, [], 0
        for at, kind, _, value in edits:
            if at != record.at:
                continue
            if kind == _DROP:
                dropped = True
            elif kind == _REPLACE:
                text = value
            elif kind == _SPLICE:
                start, end, new = value
                text = text[: start + moved] + new + text[end + moved :]
                moved += len(new) - (end - start)
            elif kind == _ADD:
                added.append(value)
        if not dropped:
            yield text
        yield from added
