"""How far apart are two names?"""


def edit_distance(one: str, other: str) -> int:
    """Letters to insert, drop or replace to make one text the other (Levenshtein, 1966).

    >>> edit_distance("eror", "error"), edit_distance("errors", "error"), edit_distance("", "ab")
    (1, 1, 2)
    """
    row = list(range(len(other) + 1))
    for number, letter in enumerate(one, start=1):
        before, row = row, [number]
        for place, wanted in enumerate(other):
            replaced = before[place] + (letter != wanted)
            row.append(min(replaced, before[place + 1] + 1, row[place] + 1))
    return row[-1]
