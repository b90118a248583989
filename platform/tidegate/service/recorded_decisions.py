"""The records of decisions, as the commits of the manifest repository carry them."""

from tidegate.domain import manifest_files as files
from tidegate.domain.commits import CommitInfo
from tidegate.domain.record import DecisionRecord, digest_of, from_json
from tidegate.service.ports import ManifestRepository


def release_of(info: CommitInfo) -> tuple[str, str] | None:
    """Environment and agent that a decision commit is about; None for any other commit.

    A person's revert of a decision repeats none of its trailers, and so is no decision.
    """
    named = info.trailer("Tidegate-Release")
    if named is None or "/" not in named:
        return None
    environment, agent = named.split("/", 1)
    return environment, agent


def content_at(repository: ManifestRepository, info: CommitInfo) -> bytes | None:
    """The bytes of the record that a decision commit carries, whatever they are."""
    named = release_of(info)
    return None if named is None else repository.read(info.commit, files.evidence_path(*named))


def record_at(repository: ManifestRepository, info: CommitInfo) -> DecisionRecord | None:
    """The record of a decision commit; None for any other commit, or if its seal is broken."""
    content = content_at(repository, info)
    if content is None or digest_of(content) != info.trailer("Tidegate-Evidence"):
        return None
    return from_json(content)
