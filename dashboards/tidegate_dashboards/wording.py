"""How phases, verdicts, numbers, shares and durations are written for people."""

import math
import re
from datetime import datetime, tzinfo
from typing import Final

PPM: Final = 1_000_000
NOTHING: Final = "-"
"""Stands where there is no figure."""
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_TENTHS_BELOW_S: Final = 10
_JUST_NOW_S: Final = 5
_WHOLE_FROM: Final = 100

PHASES: Final = {
    "Progressing": "In progress",
    "Paused": "Paused",
    "Completed": "Promoted",
    "RolledBack": "Rolled back",
    "Superseded": "Superseded",
}
COLOURS: Final = {
    "Progressing": "blue",
    "Paused": "orange",
    "Completed": "green",
    "RolledBack": "red",
    "Superseded": "gray",
}
"""Streamlit's names of the colours of phases; it picks their shades for light and dark."""

_VERDICTS: Final = {
    "start": "Started",
    "advance": "Next step",
    "promote": "Promoted",
    "pause": "Paused",
    "roll_back": "Decided to roll back",
    "superseded": "Ended by a person",
}
_MARKDOWN: Final = re.compile(r"([\\`*_{}\[\]()<>#+\-!|$:~])")


def phase(name: str) -> str:
    """A phase as people say it."""
    return PHASES.get(name, name)


def colour(name: str) -> str:
    """The colour of a phase; gray for one that this page does not know."""
    return COLOURS.get(name, "gray")


def verdict(verdict: str, rule: str, *, reverts: bool) -> str:
    """What a decision commit did, as people say it."""
    if reverts:
        return "Reverted the deploy"
    return _VERDICTS.get(rule) or _VERDICTS.get(verdict, words(verdict))


def words(name: str) -> str:
    """A name of the manifest as words: "prompt_injection" -> "prompt injection"."""
    return name.replace("_", " ")


def count(number: int) -> str:
    """A whole number with its thousands set apart: 4560 -> "4,560"."""
    return f"{number:,}"


def units(number: int) -> str:
    """A number of units: "1 unit", "4,560 units"."""
    return f"{count(number)} unit{'' if number == 1 else 's'}"


def share(share_ppm: int) -> str:
    """A share, given in parts per million, as the manifest writes it: 10000 -> "1%"."""
    return f"{share_ppm * 100 / PPM:g}%"


def rate(k: int, n: int) -> str:
    """Percent that k of n are, in three digits at most: "11.1%"; a dash where n is 0."""
    if n == 0:
        return NOTHING
    percent = 100 * k / n
    if k in (0, n):
        return f"{percent:.0f}%"
    return f"{percent:.1f}%" if percent >= 1 else f"{percent:.2g}%"


def tally(k: int, n: int) -> str:
    """How many of how many, with the rate: "22 of 198 (11.1%)"."""
    return f"{count(k)} of {count(n)} ({rate(k, n)})" if n else "no unit yet"


def e_value(log_e: float) -> str:
    """An e-value from its natural logarithm, rounded as people read it.

    Below 0.01 and from a million on the exact figure tells nobody anything.
    """
    if log_e < math.log(0.01):
        return "under 0.01"
    if log_e >= math.log(1e6):
        return "over a million"
    value = math.exp(log_e)
    return count(round(value)) if value >= _WHOLE_FROM else f"{value:.2g}"


def duration(seconds: float) -> str:
    """How long something took, in its two largest units: "9.3 s", "2 min 5 s", "3 h 20 min"."""
    whole = round(seconds)
    if whole < _TENTHS_BELOW_S:
        return f"{seconds:.1f} s"
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return _two(whole, (_MINUTE, "min"), (1, "s"))
    if whole < _DAY:
        return _two(whole, (_HOUR, "h"), (_MINUTE, "min"))
    return _two(whole, (_DAY, "d"), (_HOUR, "h"))


def ago(seconds: float) -> str:
    """How long ago something was; the last moments are "just now", clocks differ by so much."""
    return "just now" if seconds < _JUST_NOW_S else f"{duration(seconds)} ago"


def instant(moment: str) -> datetime:
    """An instant of the API, with its time zone."""
    return datetime.fromisoformat(moment)


def clock(moment: datetime, zone: tzinfo, *, now: datetime) -> str:
    """A time of day; with the date unless it is today."""
    local = moment.astimezone(zone)
    if local.date() == now.astimezone(zone).date():
        return f"{local:%H:%M:%S}"
    return f"{local.day} {local:%b %H:%M:%S}"


def listed(names: list[str]) -> str:
    """Names as a phrase: "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def literal(text: str) -> str:
    """Text of the service so that Streamlit shows it as it is, with no Markdown in it."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def _two(whole: int, large: tuple[int, str], small: tuple[int, str]) -> str:
    first, rest = divmod(whole, large[0])
    second = rest // small[0]
    return f"{first} {large[1]}" + (f" {second} {small[1]}" if second else "")
