"""Reading the segments of a commit, which all its releases and flags share."""

import threading
from collections import OrderedDict
from typing import NamedTuple

from tidegate.domain.errors import InvalidManifest
from tidegate.domain.segment import SEGMENTS_FOLDER, Segment, compile_what_can_be, segment_path
from tidegate.service.documents import Documents
from tidegate_sdk.rules import Segments

_REMEMBERED = 64


class ReadSegments(NamedTuple):
    """Matchers of the segments that can be read, and why the others cannot, by path."""

    matchers: Segments
    problems: dict[str, str]


class SegmentReader:
    """Reads and compiles segments; commits that have the same ones share what was compiled.

    Args:
        documents: where they are read.
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._by_commit: OrderedDict[str, ReadSegments] = OrderedDict()
        self._last: tuple[object, ReadSegments] = (None, ReadSegments({}, {}))
        self._lock = threading.Lock()

    def at(self, commit: str) -> ReadSegments:
        """The segments of a commit. A broken one takes nothing with it but what names it."""
        with self._lock:
            known = self._by_commit.get(commit)
        found = known or self._read(commit)
        with self._lock:
            self._by_commit[commit] = found
            while len(self._by_commit) > _REMEMBERED:
                self._by_commit.popitem(last=False)
        return found

    def _read(self, commit: str) -> ReadSegments:
        documents: dict[str, Segment] = {}
        problems: dict[str, str] = {}
        for name in self._documents.names(commit, SEGMENTS_FOLDER):
            try:
                documents[name] = self._documents.required(commit, segment_path(name), Segment)
            except InvalidManifest as error:
                problems[f"{SEGMENTS_FOLDER}/{name}"] = str(error)
        content = (documents, problems)
        last, found = self._last
        if last != content:
            compiled, broken = compile_what_can_be(documents)
            found = ReadSegments(compiled, problems | broken)
            self._last = (content, found)
        return found
