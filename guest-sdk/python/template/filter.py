"""Drops records that hold one of some texts, and masks passwords."""

import re

import logsieve

PASSWORD = re.compile(rb'password=([^ &"\t]+)')

drop = [b"GET /healthz"]


def configure(settings):
    """Settings: `drop`, a list of texts; a record that holds one is not forwarded."""
    global drop
    for key in settings:
        if key != "drop":
            raise logsieve.Unjudged(f"settings: there is no `{key}`")
    drop = [text.encode() for text in settings.get("drop", ["GET /healthz"])]


def record(record):
    text = record.text
    if any(word in text for word in drop):
        record.discard()
        return
    for found in PASSWORD.finditer(text):
        record.splice(found.start(1), found.end(1), b"***")
        logsieve.count("passwords")
