"""Documents of flags and segments, and attributes, drawn so that rules often match."""

from typing import Any

from hypothesis import strategies as st

from tidegate_sdk import PARTS

Json = dict[str, Any]

UNITS = st.sampled_from(["ada", "bob", "eve"]) | st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20
)
PLANS = st.sampled_from(["de", "de-AT", "at", ""])
APPS = st.sampled_from(["2.3.0", "v2.10", "3.0.0-rc.1", "1.0.0+b", "2.3"])
AGES = st.sampled_from([0, 1, 18, -3]) | st.sampled_from([1.0, 0.5, 18.5])
TEAM_NAMES = st.sampled_from(["qa", "ops"])
SCALARS = PLANS | APPS | AGES | st.booleans() | st.integers() | st.floats(allow_nan=False)
ANY_JSON = st.recursive(
    st.none() | SCALARS | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
# Values a rule is likely to ask for, by attribute; now and then a value of any other kind.
FITTING = {
    "plan": PLANS,
    "app": APPS,
    "age": AGES,
    "vip": st.booleans(),
    "tags": st.lists(PLANS, max_size=3),
    "team": TEAM_NAMES | st.lists(TEAM_NAMES, max_size=2),
}
_FULL = st.fixed_dictionaries(
    {key: st.one_of(values, values, values, ANY_JSON) for key, values in FITTING.items()}
)
ATTRIBUTES = st.one_of(
    _FULL, st.builds(lambda full, key: {key: full[key]}, _FULL, st.sampled_from(sorted(FITTING)))
)
NAMES = st.lists(st.sampled_from(["ada", "bob", "eve"]), min_size=1, max_size=3) | st.just([])
TEAMS = st.lists(TEAM_NAMES, min_size=1, max_size=2) | st.just([])
SIGNS = st.sampled_from([">=", "<=", ">", "<", "="])
VERSIONS = st.sampled_from(["2", "2.3.0", "v2.10.0", "3.0.0-rc.1", "3.0.0-rc", "3.0.0-1", "1"])
RANGES = st.lists(st.builds("{}{}".format, SIGNS, VERSIONS), min_size=1, max_size=2).map(" ".join)


def _wanted(values: st.SearchStrategy[Any], **tests: st.SearchStrategy[Any]) -> Any:
    """A value, a list of values, one test or several."""
    listed = st.lists(values, min_size=1, max_size=3) | st.just([])
    known = {"in": listed, "notIn": listed, "exists": st.booleans()} | tests
    single = st.one_of(*(st.fixed_dictionaries({key: asked}) for key, asked in known.items()))
    several = st.fixed_dictionaries({}, optional=known).filter(bool)
    return st.one_of(values, listed, single, several)


WANTED = {
    "plan": _wanted(PLANS, startsWith=PLANS, endsWith=PLANS, contains=PLANS),
    "app": _wanted(APPS, semver=RANGES),
    "age": _wanted(AGES, gt=AGES, gte=AGES, lt=AGES, lte=AGES),
    "vip": st.booleans(),
    "tags": st.fixed_dictionaries({"contains": PLANS}),
    "team": _wanted(TEAM_NAMES, contains=TEAM_NAMES),
}
ASKED = st.sampled_from(sorted(WANTED)).flatmap(
    lambda key: st.fixed_dictionaries({key: WANTED[key]})
)
SEGMENT_NAMES = ("beta", "staff")


def _conditions(inner: st.SearchStrategy[Json] | None, people: st.SearchStrategy[Json]) -> Any:
    keys = {"attributes": ASKED | st.builds(lambda one, other: one | other, ASKED, ASKED)}
    if inner is not None:
        listed = st.lists(inner, min_size=1, max_size=2)
        keys |= {"all": listed, "any": listed, "not": inner}
    others = st.fixed_dictionaries({}, optional=keys)
    return st.one_of(
        people.filter(bool),
        others.filter(bool),
        st.builds(lambda one, other: one | other, people, others).filter(bool),
    )


def conditions(*segments: str) -> st.SearchStrategy[Json]:
    """Conditions that may name these segments."""
    people = st.just({}) | NAMES.map(lambda names: {"users": names})
    people |= TEAMS.map(lambda names: {"teams": names})
    if segments:
        people |= st.sampled_from(segments).map(lambda name: {"segment": name})
    flat = _conditions(None, people)
    return flat | _conditions(flat, people) | _conditions(_conditions(flat, people), people)


def _segment(name: str, *others: str) -> st.SearchStrategy[Json]:
    rules = st.lists(conditions(*others), max_size=2)
    known = {"kind": st.just("Segment"), "segment": st.just(name)}
    return st.fixed_dictionaries(known, optional={"users": NAMES, "teams": TEAMS, "rules": rules})


SEGMENTS = st.fixed_dictionaries({"beta": _segment("beta", "staff"), "staff": _segment("staff")})
SHARES = st.integers(0, PARTS // 3) | st.sampled_from(["1%", "25%", "0.0001%"])


@st.composite
def flags(draw: st.DrawFn) -> Json:
    """Flags of four variants whose rules may name the segments."""
    variants = ["a", "b", "c", "d"]
    one = st.sampled_from(variants)
    split = st.dictionaries(st.sampled_from(variants[1:]), SHARES, min_size=1, max_size=3)
    serving = st.builds(lambda name: {"serve": name}, one)
    serving |= split.map(lambda shares: {"split": shares})
    rule = st.builds(lambda when, what: {"when": when} | what, conditions(*SEGMENT_NAMES), serving)
    rules = [*draw(st.lists(rule, max_size=3)), *draw(st.lists(serving, max_size=1))]
    kind, values = draw(st.sampled_from([
        ("integer", [1, 2, 3, 4]), ("float", [1, 2.5, 0, -1]), ("string", ["", "x", "y", "z"]),
        ("object", [{}, {"x": [1]}, {"y": None}, {"z": {}}]),
    ]))  # fmt: skip
    known = {
        "kind": "FeatureFlag",
        "flag": draw(st.sampled_from(["f", "checkout.new-flow"])),
        "type": kind,
        "variants": dict(zip(variants, values, strict=True)),
        "rules": rules,
        "default": "a",
    }
    optional = {"killed": st.booleans(), "killSwitch": one, "salt": st.text("xyz", max_size=2)}
    return known | draw(st.fixed_dictionaries({}, optional=optional))
