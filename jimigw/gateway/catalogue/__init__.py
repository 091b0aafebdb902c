"""The catalogue of text commands: what may be sent to a terminal, what it does to it, and how its answers read.

Sans-I/O. Tables of the vendor's lists (:mod:`.jc400`, :mod:`.jc371`, :mod:`.jc181`), the gate that every text passes
(:func:`check`), the sequence that turns a terminal to this gateway (:func:`plan`).
"""

from .checking import LONGEST, CommandRefused, CommandText, check
from .families import JC400, TITLES, entries, families, family_of, lookup
from .onboarding import ONBOARDING, Step, Unclear, differs, plan
from .replies import Verdict, firmware_of, judge
from .rows import Argument, Entry, Risk

reply_kind = judge
"""How an answer reads, by the name that callers know it by."""

__all__ = [
    "JC400",
    "LONGEST",
    "ONBOARDING",
    "TITLES",
    "Argument",
    "CommandRefused",
    "CommandText",
    "Entry",
    "Risk",
    "Step",
    "Unclear",
    "Verdict",
    "check",
    "differs",
    "entries",
    "families",
    "family_of",
    "firmware_of",
    "judge",
    "lookup",
    "plan",
    "reply_kind",
]
