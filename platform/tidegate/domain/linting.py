"""What lint looks at, and what it finds: the files of a manifest repository as they are now.

Each file is read as what its path says. What holds between files, and between now and before, is
said by the rules in `lint_rules` and `lint_history`.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final, Literal

import msgspec
import yaml

from tidegate.domain import manifest_files as files
from tidegate.domain.document import Document
from tidegate.domain.document_places import Place, place_of
from tidegate.domain.errors import InvalidManifest
from tidegate.domain.expected_values import Misfit, misfit
from tidegate.domain.manifest_files import D
from tidegate.domain.quantities import day_of
from tidegate.domain.version_checks import Read
from tidegate.domain.yaml_places import line_of, line_of_problem, text_of

_Loader: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_LINE: Final = re.compile(r"line (\d+)")
_WHERE: Final = re.compile(r' in "<[^>]*>", line \d+, column \d+')
"""Where YAML's parser was, in its own words; a finding has a line of its own."""
_NO_DAY: Final = "Invalid RFC3339 encoded date"
_MERGE: Final = "<<"
_NAMED: Final = ("agent", "environment", "version")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One problem.

    Attributes:
        path: the file.
        line: counted from 1; None where there is none, as of a file that is gone.
        key: the place in the file, such as "strategy.canary.steps[1]"; empty for all of it.
        severity: an error must not be released; a warning may be.
    """

    path: str
    line: int | None
    key: str
    severity: Literal["error", "warning"]
    message: str

    def __str__(self) -> str:
        place = self.path if self.line is None else f"{self.path}:{self.line}"
        key = "" if not self.key or self.message.startswith(self.key) else f"{self.key}: "
        return f"{place}: {self.severity}: {key}{self.message}"


class ManifestFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file that Tidegate reads.

    Attributes:
        names: what its path names: agent, environment and so on.
        document: what it holds; None if it cannot be read.
        findings: what is wrong with it taken by itself.
    """

    path: str
    place: Place
    names: dict[str, str]
    content: bytes
    document: Document | None = None
    findings: tuple[Finding, ...] = ()

    def finding(
        self, key: str, message: str, severity: Literal["error", "warning"] = "error"
    ) -> Finding:
        """A problem of this file, at the line of a key."""
        line = line_of(self.content, key) if key else None
        return Finding(path=self.path, line=line or 1, key=key, severity=severity, message=message)


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The files of a manifest repository.

    Attributes:
        paths: all files.
        files: those that Tidegate reads, by path.
        read: reads any file.
    """

    paths: frozenset[str]
    files: dict[str, ManifestFile]
    read: Read

    def of(self, kind: type[D]) -> Iterator[tuple[ManifestFile, D]]:
        """Every file of a kind that can be read, with what it holds."""
        for file in self.files.values():
            if isinstance(file.document, kind):
                yield file, file.document

    def get(self, path: str, kind: type[D]) -> D | None:
        """What a file holds, if it is there and can be read."""
        file = self.files.get(path)
        return file.document if file is not None and isinstance(file.document, kind) else None


def manifest_of(paths: Iterable[str], read: Read) -> Manifest:
    """Read every file of a repository as what its path says."""
    names = frozenset(paths)
    contents = ((path, read(path)) for path in sorted(names) if place_of(path) is not None)
    read_files = (read_file(path, content) for path, content in contents if content is not None)
    found = {file.path: file for file in read_files if file is not None}
    return Manifest(paths=names, files=found, read=read)


@lru_cache(maxsize=4096)
def read_file(path: str, content: bytes) -> ManifestFile | None:
    """A file as what its path says; None if no kind of file has such a path.

    Most files are the same now and before, so each is read once.
    """
    place = place_of(path)
    if place is None:
        return None
    file = ManifestFile(path=path, place=place, names=place.names(path) or {}, content=content)
    if place.document is None:
        return file
    try:
        document = files.parse(path, content, place.document)
    except InvalidManifest as error:
        return msgspec.structs.replace(file, findings=(_unreadable(file, error.problem),))
    file = msgspec.structs.replace(file, document=document)
    return msgspec.structs.replace(file, findings=tuple(_of_form(file, document)))


def _unreadable(file: ManifestFile, problem: str) -> Finding:
    assert file.place.document is not None  # noqa: S101 - the caller parsed it as that
    if problem.startswith(("no valid YAML", "must be a mapping")):
        lines = _LINE.findall(problem)
        return Finding(
            path=file.path,
            line=int(lines[-1]) if lines else 1,
            key="",
            severity="error",
            message=_WHERE.sub("", problem),
        )
    found = misfit(file.place.document, problem)
    finding = file.finding(found.key or _key_named(found), _with_day(file, found))
    line = line_of_problem(file.content, problem)
    return finding if line is None else msgspec.structs.replace(finding, line=line)


def _with_day(file: ManifestFile, found: Misfit) -> str:
    """The problem; of a day that is written otherwise, how to write it."""
    if not found.problem.startswith(_NO_DAY):
        return found.problem
    text = text_of(file.content, found.key) or ""
    day = day_of(text)
    way_out = f"write {day}" if day is not None else "write year-month-day, such as 2027-06-30"
    return f"{text!r} is no day as it is written here; {way_out}"


def _key_named(found: Misfit) -> str:
    """The key that a message about the whole document begins with, as those of our own do."""
    return found.problem.split(" ", 1)[0]


def _of_form(file: ManifestFile, document: Document) -> Iterator[Finding]:
    """What is wrong with a file that can be read."""
    for name, promised in file.names.items():
        said = getattr(document, name, promised)
        if said != promised:
            yield file.finding(name, f"is {said!r}, but the path says {promised!r}")
        elif name in _NAMED and not files.is_name(promised):
            yield file.finding(
                "",
                f"{promised!r} cannot be the name of the {name}: letters, digits and . _ - only, "
                "100 at most, and a letter or digit first",
            )
    root = yaml.compose(file.content, Loader=_Loader)
    if isinstance(root, yaml.MappingNode):
        if not any(key.value == "kind" for key, _ in root.value):
            yield file.finding("", f"has no kind; add kind: {file.place.kind}")
        yield from (_twice(file, key, line) for key, line in _repeated(root, ""))


def _twice(file: ManifestFile, key: str, line: int) -> Finding:
    return Finding(
        path=file.path,
        line=line,
        key=key,
        severity="error",
        message="is there twice, and only the last one counts; keep one of them",
    )


def _repeated(node: yaml.Node, place: str) -> Iterator[tuple[str, int]]:
    """Every key that a mapping has more than once, and the line of the later one."""
    if isinstance(node, yaml.SequenceNode):
        for number, each in enumerate(node.value):
            yield from _repeated(each, f"{place}[{number}]")
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, value in node.value:
        name = str(key.value)
        here = f"{place}.{name}" if place else name
        if name in seen and name != _MERGE:
            yield here, key.start_mark.line + 1
        seen.add(name)
        yield from _repeated(value, here)
