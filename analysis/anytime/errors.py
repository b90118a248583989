"""What can go wrong in this library.

AnytimeError (a ValueError)
├── InvalidCount    a count is negative, or parts exceed their whole
├── InvalidShare    a traffic share is not strictly between 0 and 1, or shares do not sum to 1
├── InvalidMargin   a margin, ceiling or ratio lies outside the range in which the test is defined
├── InvalidLevel    an error level, power or quantile is not strictly between 0 and 1
├── InvalidShape    arrays or statistics do not belong together: columns or lengths differ
└── InvalidValue    an observation or a setting is not finite, or outside its documented range
"""


class AnytimeError(ValueError):
    """Base of every error of this library; catch it to catch them all."""


class InvalidCount(AnytimeError):
    """A count is negative, or parts exceed their whole."""


class InvalidShare(AnytimeError):
    """A traffic share lies outside (0, 1), or shares do not sum to 1."""


class InvalidMargin(AnytimeError):
    """A margin, ceiling or ratio lies outside the range in which the test is defined."""


class InvalidLevel(AnytimeError):
    """An error level, power or quantile is not strictly between 0 and 1."""


class InvalidShape(AnytimeError):
    """Arrays or statistics do not belong together: columns or lengths differ."""


class InvalidValue(AnytimeError):
    """An observation or a setting is not finite, or outside its documented range."""
