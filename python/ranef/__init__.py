"""Mixed models from a formula, fitted exactly by a C++ core."""

from ranef import families, weights
from ranef._core import __version__
from ranef.comparison import Comparison, anova
from ranef.control import Control
from ranef.demo_data import demo_data
from ranef.errors import (
    ConvergenceError,
    ConvergenceWarning,
    DataError,
    DesignWarning,
    FamilyError,
    FormulaError,
    MissingExtraError,
    NotAvailableError,
    RanefError,
    RanefWarning,
)
from ranef.etable import etable
from ranef.fitting import fit, model
from ranef.persist import load
from ranef.result import Fit
from ranef.unfitted import Model

__all__ = [
    "Comparison",
    "Control",
    "ConvergenceError",
    "ConvergenceWarning",
    "DataError",
    "DesignWarning",
    "FamilyError",
    "Fit",
    "FormulaError",
    "MissingExtraError",
    "Model",
    "NotAvailableError",
    "RanefError",
    "RanefWarning",
    "__version__",
    "anova",
    "demo_data",
    "etable",
    "families",
    "fit",
    "load",
    "model",
    "weights",
]
