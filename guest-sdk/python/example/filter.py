"""A worked example that uses every call of the kit: it does to a record what its text says.

Commands, with `; ` between them: `drop`, `replace X`, `splice 0..3 X`, `add X`, `set-time MS`,
`route X`, `origin NAME`, `stream`, `time`, `count NAME`, `log X`, `fail X`. Other words do nothing.
Settings: `patterns` marks every match, or with `drop_matching` drops the records that have one;
`join` joins records that begin with a tab to the one before them.
"""

import logsieve

settings = {"patterns": [], "drop_matching": False, "join": False}
patterns = None


def configure(given):
    global patterns
    for key in given:
        if key not in settings:
            raise logsieve.Unjudged(f"settings: there is no `{key}`")
    settings.update(given)
    if settings["patterns"]:
        patterns = logsieve.Patterns(*settings["patterns"])


def batch(batch):
    if settings["join"]:
        join(batch)
    elif patterns and settings["drop_matching"]:
        for at in patterns.records(batch):
            batch[at].discard()
    elif patterns:
        for at, pattern, start, end in patterns.find(batch):
            batch[at].splice(start, end, b"[%d]" % pattern)
    else:
        for record in batch:
            for command in record.text.split(b"; "):
                obey(record, command)


def obey(record, command):
    name, _, rest = command.partition(b" ")
    match name:
        case b"drop":
            record.discard()
        case b"replace":
            record.replace(rest)
        case b"splice":
            bounds, _, text = rest.partition(b" ")
            start, _, end = bounds.partition(b"..")
            record.splice(int(start), int(end), text)
        case b"add":
            record.add(rest)
        case b"set-time":
            record.set_time(int(rest) * 1_000_000)
        case b"route":
            record.route(rest.decode())
        case b"origin":
            record.replace((logsieve.origin(rest.decode()) or "unknown").encode())
        case b"stream":
            record.replace(b"stdout" if record.stream == logsieve.STDOUT else b"stderr")
        case b"time":
            record.replace(b"%d" % (record.time // 1_000_000))
        case b"count":
            logsieve.count(rest.decode())
        case b"log":
            logsieve.log(rest.decode())
        case b"fail":
            raise logsieve.Unjudged(rest.decode())


def join(batch):
    """The last event may go on in the next batch, so it is held until more comes, or nothing will."""
    start = 0
    while start < len(batch):
        end = start + 1
        while end < len(batch) and batch[end].text.startswith(b"\t"):
            end += 1
        if end == len(batch) and not batch.is_last:
            batch.hold(end - start)
        elif end > start + 1:
            lines = [batch[start].text, *(batch[at].text[1:] for at in range(start + 1, end))]
            batch[start].replace(b"|".join(lines))
            for at in range(start + 1, end):
                batch[at].discard()
        start = end
