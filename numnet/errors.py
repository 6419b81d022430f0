"""Everything that numnet refuses, as a small tree of errors.

    NumnetError                  a command prints it in one line and exits 2
    ├── DataError                a data file or an array that is not what it should be
    ├── CheckpointError          a model file is of another kind, or in another run's hands
    │   └── DamagedError         a model file is gone, or its bytes are not those that were written
    ├── ImageError               a picture that cannot be opened, is too large, or shows nothing
    ├── RecipeError              a setting that makes no sense, or an unknown name
    ├── NonFiniteError           a loss, an activation or a gradient became NaN or infinite
    ├── MissingLibraryError      an optional library is not installed
    └── ForkedError              a process made by fork wants to use threads

A message says, in one line, what was found and where, what was expected, and what to do about it.
"""


class NumnetError(Exception):
    """Anything a person can cause and can mend; the base of every error numnet raises on purpose."""


class DataError(NumnetError):
    """A data file or an array is missing, damaged, or not of the promised kind."""


class CheckpointError(NumnetError):
    """A model file is not what it should be, or can't be written."""


class DamagedError(CheckpointError):
    """A model file is gone, or its bytes are not those that were written: the one before may be whole."""


class ImageError(NumnetError):
    """A picture cannot be opened, is too large, or shows nothing."""


class RecipeError(NumnetError):
    """A training setting is out of range, contradicts another, or names something unknown."""


class NonFiniteError(NumnetError):
    """A number that must be finite is NaN or infinite; the message names its tensor and step."""


class MissingLibraryError(NumnetError):
    """An optional library is needed for what was asked and is not installed."""


class ForkedError(NumnetError):
    """A process that was forked from one with threads at work wants to use threads."""
