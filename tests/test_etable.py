"""Fits side by side: every number is the fit's own, every format escapes its labels, maketables reads our fits."""

import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtri

import ranef
from ranef.errors import DataError
from ranef.estimate_table import number_text
from ranef.tablerender import escape_latex, escape_markdown, latex_number

FROGS = ranef.demo_data()
AWKWARD = FROGS.rename(columns={"cover": "reed_cover_%", "pond": "pond & <bank>"})


@pytest.fixture(scope="module")
def fits():
    poisson = ranef.fit("count ~ cover + (1 | pond)", FROGS, family="poisson")
    return {
        "poisson": poisson,
        "shore": poisson.update(". ~ . + shore"),
        "zinb": ranef.fit("count ~ cover + (cover | pond)", FROGS, family="nbinom2", ziformula="~ shore"),
        "reml": ranef.fit("count ~ cover + (1 | pond)", FROGS, reml=True, dispformula="~ shore"),
    }


@pytest.fixture(scope="module")
def table(fits):
    return ranef.etable(*fits.values(), names=list(fits))


def indexed(table):
    return table.to_frame().set_index(["section", "term", "what"]).sort_index()


def test_coefficients_and_errors_are_tidys(fits, table):
    frame = indexed(table)
    for name, fit in fits.items():
        tidy = fit.tidy(conf_int=True).set_index(["component", "term"])
        for (component, term), row in tidy.iterrows():
            section = {"cond": "Conditional model", "zi": "Zero-inflation model", "disp": "Dispersion model"}[component]
            shown = frame.loc[(section, term), name].astype(float)
            assert shown["value"] == row["estimate"]
            assert shown["std_error"] == row["std_error"]
            assert shown["conf_low"] == row["conf_low"]
            assert shown["p_value"] == row["p_value"]


def test_random_effects_and_dispersion_are_the_fits(fits, table):
    frame = indexed(table).xs("value", level="what").loc["Random effects"]
    assert frame.loc["sd(cover|pond)", "zinb"] == fits["zinb"].parameters().loc["sd(cover|pond)", "estimate"]
    assert frame.loc["cor(cover,Intercept|pond)", "zinb"] == pytest.approx(fits["zinb"].varcorr().blocks[0].corr[1, 0])
    assert frame.loc["dispersion phi", "zinb"] == fits["zinb"].sigma
    assert frame.loc["sd(cover|pond)", ["poisson", "shore", "reml"]].isna().all()
    assert "residual sd" not in frame.index  # it varies by shore


def test_facts_are_the_fits(fits, table):
    frame = indexed(table).xs("value", level="what").loc["Fit"]
    for name, fit in fits.items():
        assert frame.loc["observations", name] == fit.nobs == 240
        assert frame.loc["levels of pond", name] == 30
        assert frame.loc["log-likelihood", name] == fit.loglik
        assert frame.loc["AIC", name] == fit.aic
        assert frame.loc["BIC", name] == fit.bic
    assert frame.loc["estimated by"].tolist() == ["ML", "ML", "ML", "REML"]


def test_ml_and_reml_side_by_side_are_said_not_to_compare(table):
    assert "Log-likelihoods of REML and ML are not comparable." in str(table)


def test_text_shows_estimates_above_their_errors(fits):
    lines = str(ranef.etable(fits["poisson"])).splitlines()
    place = next(k for k, line in enumerate(lines) if line.strip().startswith("cover"))
    estimate, error = fits["poisson"].tidy().set_index("term").loc["cover", ["estimate", "std_error"]]
    assert lines[place].split() == ["cover", f"{estimate:.3f}"]
    assert lines[place + 1].split() == [f"({error:.3f})"]


def test_digits_line_up_under_each_other(fits):
    lines = str(ranef.etable(fits["shore"], stars=True)).splitlines()
    section = lines[lines.index("Conditional model") + 1 : lines.index("Conditional model") + 7]
    assert len({line.index(".", 20) for line in section}) == 1


def test_intervals_take_the_place_of_errors(fits):
    shown = str(ranef.etable(fits["poisson"], ci=0.9))
    estimate, error = fits["poisson"].tidy().set_index("term").loc["cover", ["estimate", "std_error"]]
    half = ndtri(0.95) * error
    assert f"[{estimate - half:.3f}, {estimate + half:.3f}]" in shown
    assert "90 % Wald intervals" in shown


def test_exponentiated_coefficients_have_delta_errors(fits):
    frame = indexed(ranef.etable(fits["poisson"], exponentiate=True)).loc[("Conditional model", "cover"), "(1)"]
    estimate, error = fits["poisson"].tidy().set_index("term").loc["cover", ["estimate", "std_error"]]
    assert frame["value"] == pytest.approx(np.exp(estimate))
    assert frame["std_error"] == pytest.approx(error * np.exp(estimate))


def test_stars_follow_the_p_values(fits):
    table = ranef.etable(fits["zinb"], stars=True)
    p_values = fits["zinb"].tidy().set_index(["component", "term"])["p_value"]
    lines = {line.split()[0]: line for line in str(table).split("Zero-inflation model")[1].splitlines() if line.split()}
    assert 0.001 < p_values[("zi", "Intercept")] < 0.01
    assert lines["Intercept"].split()[1].endswith("**")
    assert not lines["Intercept"].split()[1].endswith("***")
    assert p_values[("zi", "shore[T.mown]")] > 0.05
    assert not lines["shore[T.mown]"].endswith("*")


def test_components_can_be_chosen(fits):
    frame = ranef.etable(fits["zinb"], components=["zi"]).to_frame()
    sections = list(frame["section"].unique())
    assert sections == ["Zero-inflation model", "Fit"]


def test_a_new_coefficient_follows_the_one_it_follows_in_its_own_fit(fits):
    wide = fits["poisson"].update(". ~ shore + cover + (1 | pond)")
    frame = ranef.etable(fits["poisson"], wide).to_frame().query("section == 'Conditional model'")
    assert list(frame["term"].unique()) == ["Intercept", "shore[T.mown]", "cover"]


def test_a_correlation_that_does_not_exist_is_none_rather_than_nan():
    rng = np.random.default_rng(5)
    data = pd.DataFrame({"g": np.repeat(list("abcdefgh"), 6), "x": np.tile(np.arange(6.0), 8)})
    data["y"] = data["x"] + rng.normal(size=len(data))
    fit = ranef.fit("y ~ x + (x | g)", data)
    shown = str(ranef.etable(fit))
    assert fit.singular
    assert "nan" not in shown.lower()


@pytest.mark.parametrize(
    ("value", "text"),
    [(251.40512, "251.405"), (0.0123, "0.012"), (-0.00012, "-0.00012"), (0.0, "0"), (3e-9, "3.0e-09"), (180, "180")],
)
def test_small_numbers_keep_two_significant_digits(value, text):
    assert number_text(value, 3) == text


@pytest.fixture(scope="module")
def awkward():
    return ranef.etable(
        ranef.fit("count ~ `reed_cover_%` + (1 | `pond & <bank>`)", AWKWARD, family="poisson"), names=["a|b*c_d <&>"]
    )


class Cells(HTMLParser):
    """Texts of all cells, and whether every tag is closed."""

    def __init__(self):
        super().__init__()
        self.cells, self.open = [], []

    def handle_starttag(self, tag, attrs):
        if tag != "br":
            self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.cells[-1] += data


def test_html_is_well_formed_and_escapes_names(awkward):
    parser = Cells()
    parser.feed(awkward.render("html"))
    assert not parser.open
    assert {"a|b*c_d <&>", "reed_cover_%", "levels of pond & <bank>"} <= set(parser.cells)
    assert awkward._repr_html_() == awkward.render("html")


def test_markdown_rows_have_as_many_cells_as_the_header(awkward):
    lines = [line for line in awkward.render("markdown").splitlines() if line.startswith("|")]
    counts = {line.replace("\\|", "").count("|") for line in lines}
    assert counts == {3}
    assert "reed\\_cover\\_%" in awkward.render("markdown")


def test_latex_escapes_what_latex_reads(awkward):
    shown = awkward.render("latex")
    assert r"reed\_cover\_\%" in shown
    assert r"pond \& \textless{}bank\textgreater{}" in shown
    assert r"a\textbar{}b*c\_d" in shown
    rows = [line for line in shown.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
    assert {line.replace(r"\&", "").count("&") for line in rows} == {1}


def test_latex_numbers_have_minus_signs_and_raised_stars():
    assert latex_number("-1.145***") == "$-$1.145$^{***}$"
    assert latex_number("[-0.1, 0.2]") == "{[}$-$0.1, 0.2{]}"
    assert latex_number("x-1") == "x-1"


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_latex_compiles(awkward, tmp_path):
    body = awkward.render("latex")
    document = rf"\documentclass{{article}}\usepackage{{booktabs}}\begin{{document}}{body}\end{{document}}"
    (tmp_path / "t.tex").write_text(document)
    subprocess.run(["pdflatex", "-halt-on-error", "t.tex"], cwd=tmp_path, check=True, capture_output=True)


def test_escapes_leave_plain_text_alone():
    assert escape_latex("plain words 1.5") == escape_markdown("plain words 1.5") == "plain words 1.5"


@pytest.mark.parametrize(
    ("suffix", "format_"), [("txt", "text"), ("md", "markdown"), ("html", "html"), ("tex", "latex")]
)
def test_the_files_ending_says_the_format(awkward, tmp_path, suffix, format_):
    path = tmp_path / f"table.{suffix}"
    awkward.save(path)
    assert path.read_text(encoding="utf-8") == awkward.render(format_) + "\n"


def test_str_is_in_the_format_asked_for(fits):
    table = ranef.etable(fits["poisson"], format="latex")
    assert str(table).startswith(r"\begin{tabular}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"names": ["a"]}, "names has 1 entries for 2 fits"),
        ({"names": ["a", "a"]}, "names must differ"),
        ({"format": "word"}, "format must be one of 'text', 'markdown', 'html', 'latex', got 'word'"),
        ({"ci": 95}, "ci is the probability of the intervals, such as 0.95, got 95"),
        ({"ci": True}, "ci is the probability"),
        ({"components": ["zi"]}, "no fit has a component 'zi'; there are: cond"),
    ],
)
def test_bad_arguments_are_refused_with_what_would_do(fits, arguments, message):
    with pytest.raises(DataError, match=message):
        ranef.etable(fits["poisson"], fits["shore"], **arguments)


def test_no_fit_and_no_fits_are_refused(fits, tmp_path):
    with pytest.raises(DataError, match="at least one fit"):
        ranef.etable()
    with pytest.raises(DataError, match="argument 2 is a str"):
        ranef.etable(fits["poisson"], "shore")
    with pytest.raises(DataError, match=r"ends in \.txt, \.md, \.html, \.tex"):
        ranef.etable(fits["poisson"]).save(tmp_path / "table.docx")


@pytest.fixture(scope="module")
def maketables():
    return pytest.importorskip("maketables")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_maketables_reads_our_fits(fits, maketables):
    table = maketables.ETable([fits["poisson"], fits["zinb"]])
    frame = table.df
    text = frame.to_string()
    tidy = fits["zinb"].tidy().set_index(["component", "term"])
    for key in [("cond", "cover"), ("zi", "shore[T.mown]")]:
        assert f"{tidy.loc[key, 'estimate']:.3f}" in text
        assert f"({tidy.loc[key, 'std_error']:.3f})" in text
    stats = frame.loc["stats"]
    assert {"Observations", "levels of pond", "sd(Intercept|pond)", "sd(cover|pond)"} <= set(stats.index)
    assert stats.loc["Observations"].tolist() == ["240", "240"]
    assert stats.loc["sd(cover|pond)"].tolist()[0] == "-"
    assert float(stats.loc["AIC"].iloc[1].replace(",", "")) == pytest.approx(fits["zinb"].aic, abs=0.5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_maketables_writes_latex_from_our_fits(fits, maketables):
    shown = maketables.ETable([fits["shore"]]).make(type="tex")
    assert "count" in shown
    assert f"{fits['shore'].fixef()['cover']:.3f}" in shown


def test_maketables_statistics_that_a_fit_lacks_are_none(fits):
    assert fits["poisson"].__maketables_stat__("r2") is None
    assert fits["poisson"].__maketables_stat__("sigma") is None
    assert fits["zinb"].__maketables_stat__("dispersion phi") == fits["zinb"].sigma
