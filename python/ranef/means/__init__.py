"""Estimated marginal means: reference grids, averages, contrasts, multiplicity, letters, trends, joint tests."""

from ranef.means.emmeans import MarginalMeans
from ranef.means.letters import LetterDisplay

__all__ = ["LetterDisplay", "MarginalMeans"]
