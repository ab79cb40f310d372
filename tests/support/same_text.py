"""Comparing what a page's code prints with what the page shows."""

import re

NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
# Another machine may round the last printed digit the other way.
LAST_DIGITS = 2.0


def last_place(number: str) -> float:
    """One unit of the last digit that is shown."""
    mantissa, _, exponent = number.partition("e")
    decimals = len(mantissa.partition(".")[2])
    return 10.0 ** (int(exponent or 0) - decimals)


def assert_same_text(printed: str, shown: str) -> None:
    """The same words in the same lines; numbers within two units of the last digit shown."""
    lines, expected = printed.rstrip().splitlines(), shown.rstrip().splitlines()
    assert len(lines) == len(expected), f"printed:\n{printed}\nthe page shows:\n{shown}"
    for line, wanted in zip(lines, expected, strict=True):
        assert NUMBER.sub("#", line).split() == NUMBER.sub("#", wanted).split(), f"printed {line!r}, shown {wanted!r}"
        for got, number in zip(NUMBER.findall(line), NUMBER.findall(wanted), strict=True):
            assert abs(float(got) - float(number)) <= LAST_DIGITS * last_place(number), (
                f"printed {line!r}, shown {wanted!r}"
            )
