"""Mixed models from a formula, fitted exactly by a C++ core."""

from ranef import families, weights
from ranef._core import __version__
from ranef.checks.laplace_error import LaplaceError
from ranef.checks.making import simulate_residuals_from
from ranef.checks.result import CheckResult
from ranef.checks.simulated import SimulatedResiduals
from ranef.checks.table import Checks
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
    "CheckResult",
    "Checks",
    "Comparison",
    "Control",
    "ConvergenceError",
    "ConvergenceWarning",
    "DataError",
    "DesignWarning",
    "FamilyError",
    "Fit",
    "FormulaError",
    "LaplaceError",
    "MissingExtraError",
    "Model",
    "NotAvailableError",
    "RanefError",
    "RanefWarning",
    "SimulatedResiduals",
    "__version__",
    "anova",
    "demo_data",
    "etable",
    "families",
    "fit",
    "load",
    "model",
    "simulate_residuals_from",
    "weights",
]
