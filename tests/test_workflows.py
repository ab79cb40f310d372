"""The steps of the workflow pages, taken on the data of the courses that they follow: the fits are those of R."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from support import reference_checks as checks
from support.reference_cases import data_path, load_case

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES: dict[str, Any] = runpy.run_path(str(DOCS / "pages.py"))

# What a page reads, and the data set that it stands for.
COURSE_DATA = {
    "soilPH": "soilPH",
    "frog": "frog",
    "simgroups": "simgroups",
    "blossoms": "blossoms",
    "Eulaema": "Eulaema",
    "rust": "rust_surrogate",
    "crowder": "crowder",
    "herds": "cbpp",
    "alcohol": "alcohol",
    "septoria": "septoria_surrogate",
    "blp": "blp",
    "classroom": "classroom",
    "mathachieve": "mathachieve",
    "marker": "marker_surrogate",
    "contamination": "contamination_surrogate",
    "cbb": "cbb",
}

# The fits of each page under the page's own names, and the reference cases that they are.
FITS = {
    "1-groups-and-slopes": {
        "fixed": "seed000-soilph-fixed",
        "intercepts": "seed000-soilph-ri-ml",
        "slopes": "seed000-soilph-rs-ml",
        "uncorrelated": "seed000-soilph-uncorr-ml",
        "reml": "seed000-soilph-rs-reml",
        "frog_fixed": "seed000-frog-glm",
        "frog_intercepts": "seed000-frog-ri",
        "frog_slopes": "seed000-frog-rs",
    },
    "2-variance-components-and-counts": {
        "naive": "seed001-sim-naive",
        "null": "seed001-sim-null",
        "mixed": "seed001-sim-x1",
        "bract_null": "seed001-blossoms-null",
        "bract": "seed001-blossoms-lbw",
        "eulaema": "seed001-eulaema-nbinom2",
    },
    "3-proportions-means-letters": {
        "wrong": "seed002-rust-surrogate-gamma",
        "severity": "seed002-rust-surrogate-beta",
        "counts": "seed002-orobanche-cbind",
        "shares": "seed002-orobanche-prop",
        "single": "seed002-orobanche-bernoulli",
    },
    "4-nested-crossed-overdispersed": {
        "both": "seed003-herds-olre",
        "alcohol": "seed003-alcohol-reml",
        "infection": "seed003-septoria-surrogate-beta",
        "reading": "seed003-blp-nletters-reml",
        "nested": "seed003-classroom-nested-reml",
        "explicit": "seed003-classroom-explicit-reml",
        "level": "seed003-mathach-group-ml",
        "marker": "seed003-marker-surrogate-dgamma-dispre",
        "dispersed": "seed003-contamination-surrogate-disp",
        "plain": "seed003-cbb-poisson-glm",
        "normal": "seed003-cbb-poisson-normal",
        "gamma": "seed003-cbb-nbinom2",
    },
}


@pytest.mark.parametrize("page", FITS)
def test_page_gives_the_numbers_of_r_on_the_courses_own_data(page: str, tmp_path: Path) -> None:
    path = PAGES["WORKFLOWS"] / f"{page}.md"
    write_course_data(path.read_text(encoding="utf-8"), tmp_path / "data")
    _, names = PAGES["run"](path, tmp_path)
    differences = []
    for name, case_id in FITS[page].items():
        case, fit = load_case(case_id), names[name]
        found = [*checks.fixed_effects(case, fit), *checks.covariances(case, fit)]
        found += checks.compare("loglik", fit.loglik, case.expect["loglik"], case.tolerance["loglik_abs"])
        differences += [f"{name} ({case_id}): {difference}" for difference in found]
    assert not differences, "\n".join(differences)


def write_course_data(text: str, folder: Path) -> None:
    """The data sets that a page reads, from the courses."""
    folder.mkdir()
    for name, source in COURSE_DATA.items():
        if f"data/{name}.csv" in text:
            pd.read_csv(data_path(f"{source}.csv")).to_csv(folder / f"{name}.csv", index=False)
