"""A report is one file that holds everything, is well formed, escapes names and says what the fit says."""

import base64
import io
import re
from html.parser import HTMLParser

import matplotlib.image
import numpy as np
import pandas as pd
import pytest

import ranef
from ranef import cli
from ranef.errors import ConvergenceError, DataError, MissingExtraError
from ranef.plots import style
from ranef.report.equation import equation_html
from ranef.report.page import column_texts

FROGS = ranef.demo_data()
VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """What a page holds: tags that are closed, tables as lists of rows, references, texts."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tables, self.references, self.images, self.ids, self.text = [], [], [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.references += [values[key] for key in ("src", "href") if key in values]
        self.ids += [values["id"]] if "id" in values else []
        if tag == "img":
            self.images.append(values)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)
        if self.open and self.open[-1] in ("td", "th"):
            self.tables[-1][-1][-1] += data

    def rows(self, heading):
        """Rows of the first table whose header has `heading`, by their first cell."""
        found = next(t for t in self.tables if heading in t[0])
        return {row[0]: dict(zip(found[0], row, strict=True)) for row in found[1:]}


@pytest.fixture(scope="module")
def fit():
    return ranef.fit("count ~ shore * cover + (1 | pond)", FROGS, family="nbinom2", ziformula="~ shore")


@pytest.fixture(scope="module")
def written(fit, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    assert fit.report(path, title="Frogs & <ponds>") == path
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(written):
    return Page(written)


def test_nothing_is_fetched(written, page):
    assert all(r.startswith(("#", "data:image/png;base64,")) for r in page.references)
    assert not re.search(r"https?://|<script|<link|@import|url\(", written)


def test_links_lead_to_sections(page):
    assert {r[1:] for r in page.references if r.startswith("#")} == set(page.ids)
    assert {"model", "coefficients", "random-effects", "checks", "effects", "groups", "versions"} <= set(page.ids)


def test_the_title_is_escaped(written):
    assert "<title>Frogs &amp; &lt;ponds&gt;</title>" in written


def test_coefficients_are_the_fits(fit, page):
    rows = page.rows("Std. error")
    row = fit.tidy(conf_int=True).set_index("term").loc["shore[T.mown]:cover"]
    shown = rows["shore[T.mown]:cover"]
    for heading, column in {"Estimate": "estimate", "Std. error": "std_error", "Lower": "conf_low"}.items():
        assert float(shown[heading].replace("\N{MINUS SIGN}", "-")) == pytest.approx(row[column], abs=5e-4)


def test_rate_ratios_are_exponentiated(fit, page):
    ratio = fit.tidy(exponentiate=True).set_index("term").loc["cover", "estimate"]
    assert float(page.rows("Rate ratio")["cover"]["Rate ratio"]) == pytest.approx(ratio, abs=5e-4)


def test_tests_of_terms_are_the_fits(fit, page):
    shown = page.rows("Chi-square")["shore:cover"]
    row = fit.anova().to_frame().loc["shore:cover"]
    assert float(shown["Chi-square"]) == pytest.approx(row["statistic"], abs=5e-3)
    assert float(shown["p"]) == pytest.approx(row["p_value"], abs=5e-3)


def test_random_effects_are_the_fits(fit, page):
    shown = page.rows("Parameter")["sd(Intercept|pond)"]
    assert float(shown["Estimate"]) == pytest.approx(fit.covariance_blocks[0].sd[0], abs=5e-4)


def test_checks_are_the_fits(fit, page):
    shown = page.rows("Verdict")
    found = fit.simulate_residuals(seed=1).test_uniformity()
    assert float(shown["uniform residuals"]["Value"]) == pytest.approx(found.statistic, rel=1e-3)
    assert {"convergence", "outliers", "collinearity", "Laplace error"} <= set(shown)
    assert {row["Verdict"] for row in shown.values()} <= {"ok", "attention", "problem"}


def test_checks_that_call_for_attention_say_what_to_do(tmp_path):
    fit = ranef.fit("count ~ cover + (1 | pond)", FROGS, family="poisson")
    page = Page(fit.report(tmp_path / "r.html", plots=False).read_text(encoding="utf-8"))
    place = next(i for i, text in enumerate(page.text) if text.endswith(": dispersion"))
    assert page.text[place + 1].startswith("Overdispersion: the data vary")
    assert "What to do: missing covariates" in page.text[place + 1]


def test_a_report_written_again_is_the_same(fit, written, tmp_path):
    again = fit.report(tmp_path / "again.html", title="Frogs & <ponds>").read_text(encoding="utf-8")
    assert again == written


def test_pictures_are_inside_and_have_words(page):
    assert len(page.images) >= 4
    for image in page.images:
        pixels = matplotlib.image.imread(io.BytesIO(base64.b64decode(image["src"].partition(",")[2])), format="png")
        height, width = pixels.shape[:2]
        assert height / width == pytest.approx(int(image["height"]) / int(image["width"]), rel=0.01)
        assert np.unique(pixels[..., 0]).size > 20
        assert image["alt"]


def test_a_phone_is_wide_enough_for_the_pictures_texts(page):
    """Shown 360 pixels wide, text of 10 points is at least 9 pixels high."""
    assert all(int(image["width"]) * 9 <= 360 * 10 * 96 / 72 for image in page.images)


def test_versions_are_told(page):
    assert {"ranef", ranef.__version__, "numpy", np.__version__} <= set(page.text)


def test_without_plots_no_picture_is_drawn(tmp_path, monkeypatch):
    fit = ranef.fit("count ~ cover + (1 | pond)", FROGS)
    monkeypatch.setattr(style, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"report: needs matplotlib.*ranef\[plot\]"):
        fit.report(tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()
    page = Page(fit.report(tmp_path / "report.html", plots=False).read_text(encoding="utf-8"))
    assert not page.images
    assert "Std. error" in page.tables[0][0]


def test_a_loaded_fit_reports_what_it_knows(fit, tmp_path):
    fit.save(tmp_path / "fit.ranef")
    page = Page(ranef.load(tmp_path / "fit.ranef").report(tmp_path / "r.html").read_text(encoding="utf-8"))
    assert "coefficients" in page.ids
    assert "effects" not in page.ids


def test_a_bad_level_is_refused_before_anything_is_written(fit, tmp_path):
    with pytest.raises(DataError, match="between 0 and 1, got 95"):
        fit.report(tmp_path / "report.html", level=95)
    assert not (tmp_path / "report.html").exists()


AWKWARD = FROGS.rename(columns={"cover": "a<b>&c", "pond": "site <x>"})


def test_names_of_columns_cannot_break_the_page(tmp_path):
    fit = ranef.fit("count ~ `a<b>&c` + (`a<b>&c` | `site <x>`)", AWKWARD)
    page = Page(fit.report(tmp_path / "r.html").read_text(encoding="utf-8"))
    assert "a<b>&c" in page.rows("Std. error")


@pytest.mark.parametrize(
    ("formula", "arguments"),
    [
        ("count ~ 1 + (1 | pond)", {"reml": True}),
        ("count ~ 0 + shore + (0 + shore | pond) + (1 | visit)", {}),
        ("cbind(count, 40 - count) ~ cover + (1 | pond)", {"family": "betabinomial", "dispformula": "~ shore"}),
        ("count ~ cover + ar1(0 + visit | pond)", {"family": "poisson"}),
        ("count ~ cover", {"family": "poisson"}),
        ("count ~ cover + offset(log(visit)) + (cover || pond)", {}),
    ],
    ids=["intercept only", "cell means", "proportions", "autoregression", "no random effects", "offset"],
)
def test_reports_of_other_models_are_well_formed(formula, arguments, tmp_path):
    some = FROGS[FROGS["pond"] < "P09"]
    fit = ranef.fit(formula, some, **arguments)
    page = Page(fit.report(tmp_path / "r.html").read_text(encoding="utf-8"))
    assert page.images or not fit.design.terms


def test_modes_at_a_correlation_of_one_are_drawn(tmp_path):
    """An autoregression with correlation 1: the conditional covariance was lost to rounding there."""
    fit = ranef.fit("count ~ cover + ar1(0 + visit | pond)", FROGS[FROGS["pond"] < "P09"])
    assert fit.converged
    assert np.isfinite(fit.conditional_covariance[0]).all()
    page = Page(fit.report(tmp_path / "r.html").read_text(encoding="utf-8"))
    assert not any(text.startswith("No picture of the modes of pond: ") for text in page.text)


def test_what_cannot_be_drawn_is_said_in_its_place(tmp_path, monkeypatch):
    def without_covariance(self):
        raise ConvergenceError("the random effects have no conditional covariance")

    monkeypatch.setattr(ranef.Fit, "conditional_covariance", property(without_covariance))
    fit = ranef.fit("count ~ cover + (1 | pond)", FROGS)
    page = Page(fit.report(tmp_path / "r.html").read_text(encoding="utf-8"))
    assert any(text.startswith("No picture of the modes of pond: ") for text in page.text)


def plain(html):
    """Equations without their tags."""
    return [re.sub(r"<[^>]*>", "", line) for line in html.split("</p>") if line.strip()]


def test_equations_say_the_model(fit):
    shown = plain(equation_html(fit))
    assert shown[0].strip() == (
        "counti | random effects ~ Negative binomial(mean μi, variance μi + μi²/φ) with probability 1 − πi, else 0"
    )
    assert shown[1].strip() == ("log μi = β0 + β1 shore[T.mown]i + β2 coveri + β3 shore[T.mown]:coveri + bpond[i]")
    assert shown[2].strip() == "logit πi = γ0 + γ1 shore[T.mown]i"
    assert shown[3].strip() == f"bpond ~ Normal(0, {fit.covariance_blocks[0].sd[0]:.3g}²)"


def test_equations_of_slopes_and_dispersion_number_their_effects():
    fit = ranef.fit("count ~ cover + (cover | pond)", FROGS, dispformula="~ shore")
    shown = [line.strip() for line in plain(equation_html(fit))]
    assert shown[0] == "counti | random effects ~ Normal(μi, σi²)"
    assert shown[1] == "μi = β0 + β1 coveri + b0pond[i] + b1pond[i] coveri"
    assert shown[2] == "log σi = δ0 + δ1 shore[T.mown]i"
    assert shown[3] == "bpond ~ Normal(0, Σ), 2 effects with any correlations"


def test_columns_of_numbers_share_their_decimals_and_leave_gaps_empty():
    assert column_texts(pd.Series([1.5, -0.25, np.nan])) == ["1.50", "\N{MINUS SIGN}0.25", ""]
    assert column_texts(pd.Series([0.5, 1e-20], name="p_value")) == ["0.5", "< 2e-16"]
    assert column_texts(pd.Series(["a", None])) == ["a", ""]


def test_the_command_writes_a_report(tmp_path, capsys):
    FROGS.to_csv(tmp_path / "frogs.csv", index=False)
    data, out = str(tmp_path / "frogs.csv"), str(tmp_path / "out.html")
    code = cli.main(["fit", "count ~ cover + (1 | pond)", data, "--report", out])
    assert code == 0
    assert f"wrote {tmp_path / 'out.html'}" in capsys.readouterr().err
    assert Page((tmp_path / "out.html").read_text(encoding="utf-8")).images
