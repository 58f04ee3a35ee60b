"""What the agent calls: a thin layer between the contract and `logsieve`. Not for authors."""

import json
import sys

import wit_world.exports
from componentize_py_types import Err
from wit_world.imports import origin, patterns, records, report
from wit_world.imports.records import Edit, Outcome

import logsieve

# The author's module, and what it imports, is loaded when the component is built: so a start costs
# nothing, and a mistake in it is seen at once.
import filter as author

if not (hasattr(author, "record") or hasattr(author, "batch")):
    raise ImportError("filter.py has neither a function `record` nor a function `batch`")

_LEVELS = {level.name.lower(): level for level in report.Level}


class _Agent:
    def compile(self, expressions):
        try:
            return patterns.PatternSet.compile(expressions)
        except Err as refused:
            raise logsieve.Unjudged(refused.value) from None

    def find(self, found, _batch):
        return found.find()

    def matches(self, found, _batch):
        return found.matches()

    def origin(self, name):
        return origin.get(name)

    def log(self, level, message):
        report.log(_LEVELS[level], message)

    def count(self, name, by):
        report.count(name, by)


logsieve._world = _Agent()


def _change(kind, value):
    if kind == logsieve._DROP:
        return records.Change_Drop()
    if kind == logsieve._REPLACE:
        return records.Change_Replace(value)
    if kind == logsieve._SPLICE:
        return records.Change_Splice(records.Splice(*value))
    if kind == logsieve._SET_TIME:
        return records.Change_SetTime(value)
    if kind == logsieve._ROUTE:
        return records.Change_Route(value)
    return records.Change_Add(value)


class _Printed:
    """Takes what is printed, a line a message of the agent's log: a filter has no standard output."""

    def __init__(self, level):
        self.level, self.line = level, ""

    def write(self, text):
        *lines, self.line = (self.line + text).split("\n")
        for line in lines:
            report.log(self.level, line)

    def flush(self):
        pass


# Not before the author's module is loaded: when it is built nobody listens to the agent's log.
sys.stdout, sys.stderr = _Printed(report.Level.INFO), _Printed(report.Level.WARN)


def _in_words(error):
    """What an exception says; of one that nobody meant the agent's log has the places. (Python's own traceback reads
    lines of files, and there are none.)"""
    if isinstance(error, (logsieve.Unjudged, ValueError)):
        return str(error)
    places, at = [], error.__traceback__
    while at:
        code = at.tb_frame.f_code
        places.append(f"{code.co_filename.rpartition('/')[2]}:{at.tb_lineno} in {code.co_name}")
        at = at.tb_next
    words = f"{type(error).__name__}: {error}"
    report.log(report.Level.ERROR, f"{words} ({', '.join(reversed(places))})"[:1000])
    return words


class Filter(wit_world.exports.Filter):
    def configure(self, settings):
        try:
            given = json.loads(settings)
            if hasattr(author, "configure"):
                author.configure(given)
            elif given:
                raise logsieve.Unjudged(f"settings: the filter has none, not `{next(iter(given))}`")
        except Exception as error:
            raise Err(_in_words(error))

    def process(self, batch):
        try:
            edits, hold = logsieve.judge(author, batch)
            return Outcome([Edit(at, _change(kind, value)) for at, kind, _, value in edits], hold)
        except Exception as error:
            raise Err(_in_words(error))
