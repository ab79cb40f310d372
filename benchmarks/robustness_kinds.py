"""All kinds of problems that robustness.py runs over, in the order of its table."""

from __future__ import annotations

from kinds.fuzz import FUZZ
from kinds.restarts import RESTARTS
from kinds.scales import SCALES
from kinds.slopes import SLOPES
from kinds.structures import STRUCTURES
from kinds.usual import USUAL

KINDS = (*USUAL, *SLOPES, *STRUCTURES, *SCALES, *FUZZ, *RESTARTS)
