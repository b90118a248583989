"""JSON Schemas of all files that people read or write, made from the documents themselves."""

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import msgspec

from tidegate.domain.document import Document
from tidegate.domain.document_places import DOCUMENTS, PLACES
from tidegate.domain.document_words import meanings, summary

_OF_KIND: Final = "what this file is."
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def schema(kind: str) -> dict[str, Any]:
    """The JSON Schema of one kind of file; its descriptions are those of the documents.

    Args:
        kind: what such a file says after `kind:`.
    """
    document = DOCUMENTS[kind]
    made = msgspec.json.decode(msgspec.json.encode(msgspec.json.schema(document)))
    classes = {each.__name__: each for each in _documents(document)}
    for name, definition in made["$defs"].items():
        if name in classes:
            _describe(definition, classes[name])
    pattern = next(each.pattern for each in PLACES if each.document is document)
    return {
        "$schema": _DIALECT,
        "$id": f"urn:tidegate:v1:{kind}",
        "title": kind,
        "description": f"{pattern}: {summary(document)}",
        **made,
    }


def schema_files() -> dict[str, bytes]:
    """Every schema as a file, by its name."""
    return {
        schema_name(document): msgspec.json.format(msgspec.json.encode(schema(kind)), indent=2)
        + b"\n"
        for kind, document in DOCUMENTS.items()
    }


def schema_name(document: type[Document]) -> str:
    """The name of the file with a document's schema."""
    return f"{document.__struct_config__.tag}.json"


def _describe(definition: dict[str, Any], document: type[Document]) -> None:
    definition["description"] = summary(document)
    said = meanings(document)
    if "kind" not in document.__struct_fields__ and "kind" in definition["properties"]:
        entry = definition["properties"]["kind"]
        definition["properties"]["kind"] = {"description": _OF_KIND, **entry}
    for field in msgspec.structs.fields(document):
        if field.name in said:
            entry = definition["properties"][field.encode_name]
            definition["properties"][field.encode_name] = {"description": said[field.name], **entry}


@cache
def _documents(document: type[Document]) -> tuple[type[Document], ...]:
    """A document and all that it is made of."""
    found: dict[type[Document], None] = {}
    for each in _structs(msgspec.inspect.type_info(document), set()):
        found[each] = None
    return tuple(found)


def _structs(found: Any, seen: set[int]) -> Iterator[type[Document]]:
    """Every document in a description of types; some of these contain themselves."""
    if id(found) in seen:
        return
    seen.add(id(found))
    if isinstance(found, msgspec.inspect.StructType) and issubclass(found.cls, Document):
        yield found.cls
    parts = (getattr(found, name, ()) for name in ("fields", "types"))
    single = (getattr(found, name, None) for name in ("type", "item_type", "value_type"))
    nested = [*(each for several in parts for each in several), *filter(None, single)]
    for each in (*nested, *getattr(found, "item_types", ())):
        yield from _structs(each, seen)
