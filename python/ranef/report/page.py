"""The page: its frame, its style, and tables of a report. Everything is inside the file; nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from string import Template

import numpy as np
import pandas as pd

from ranef.tablerender import minus
from ranef.textgrid import p_value_texts, significant

# Tables too wide for the screen scroll by themselves, with a shadow where there is more to see.
STYLE = """
:root { color-scheme: light; --ink: #1f2328; --muted: #59636e; --line: #d8dee4; --accent: #0072B2; }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: #fff; line-height: 1.55;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 61rem; margin: 0 auto; padding: 1.5rem 1.25rem 3rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .7rem; padding-bottom: .25rem; border-bottom: 2px solid var(--line); }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
.lead, figcaption, .note { color: var(--muted); }
.lead { margin: 0 0 1rem; overflow-wrap: anywhere; }
.note { font-size: .9rem; margin: .4rem 0; }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; margin: 0 0 1rem; font-size: .95rem; }
a { color: var(--accent); }
.equation { font-family: "Cambria Math", Cambria, "STIX Two Text", Georgia, serif; font-size: 1.05rem; margin: .35rem 0;
  padding-left: 1.4rem; text-indent: -1.4rem; overflow-wrap: anywhere; }
.equation sub sub { font-size: .8em; }
.wide { overflow-x: auto; margin: .4rem 0 .8rem; background-repeat: no-repeat;
  background-image: linear-gradient(to right, #fff 40%, #fff0), linear-gradient(to left, #fff 40%, #fff0),
    linear-gradient(to right, #0003, #0000), linear-gradient(to left, #0003, #0000);
  background-position: 0 0, 100% 0, 0 0, 100% 0; background-size: 2rem 100%, 2rem 100%, .7rem 100%, .7rem 100%;
  background-attachment: local, local, scroll, scroll; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .93rem; }
th, td { padding: .28rem .7rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td.text, th.text { text-align: left; }
thead th { border-bottom: 2px solid var(--muted); font-weight: 600; }
tbody th { font-weight: 400; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem; margin: .5rem 0; }
dl.checks { grid-template-columns: 1fr; gap: 0; } .checks dd { margin-bottom: .6rem; }
dt { color: var(--muted); } dd { margin: 0; overflow-wrap: anywhere; }
.figures { display: flex; flex-wrap: wrap; gap: 1.2rem; align-items: flex-start; }
figure { margin: 0; max-width: 100%; }
figure img { max-width: 100%; height: auto; display: block; }
figcaption { font-size: .9rem; max-width: 29rem; }
.good, .bad, dt.good, dt.bad { font-weight: 600; } .good, dt.good { color: #00704f; } .bad, dt.bad { color: #b04a00; }
code { font-family: ui-monospace, Consolas, Menlo, monospace; font-size: .92em; overflow-wrap: anywhere; }
@media (max-width: 32rem) {
  main { padding: 1rem .9rem 2rem; } h1 { font-size: 1.25rem; } th, td { padding: .22rem .38rem; }
  table { font-size: .85rem; } tbody th { white-space: normal; overflow-wrap: anywhere; min-width: 7.5rem; }
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .45rem; }
}
@media print { nav { display: none; } h2 { break-after: avoid; } figure, table { break-inside: avoid; } }
"""

PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="ranef">
<title>$title</title>
<style>$style</style>
</head>
<body>
<main>
<h1>$title</h1>
<p class="lead">$lead</p>
<nav>$links</nav>
$sections
</main>
</body>
</html>
""")


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page: its heading and its HTML."""

    title: str
    body: str

    @property
    def anchor(self) -> str:
        """What links to it."""
        return self.title.lower().replace(" ", "-")


def page(title: str, lead: str, sections: Sequence[Section]) -> str:
    """The whole file. `title` and `lead` are plain text, the sections HTML."""
    links = " ".join(f'<a href="#{s.anchor}">{escape(s.title)}</a>' for s in sections)
    bodies = "\n".join(
        f'<section id="{s.anchor}">\n<h2>{escape(s.title)}</h2>\n{s.body}\n</section>' for s in sections if s.body
    )
    return PAGE.substitute(title=escape(title), style=STYLE, lead=escape(lead), links=links, sections=bodies)


def table(frame: pd.DataFrame, headings: Mapping[str, str]) -> str:
    """A table of texts and numbers; numbers of a column share their decimals.

    Parameters
    ----------
    frame : what is shown
    headings : {column: heading}, in the order shown; the first names the rows. Columns called ``p_value`` are p-values.
    """
    columns = {name: column_texts(frame[name]) for name in headings}
    kinds = {name: _kind(frame[name]) for name in headings}
    heads = "".join(f"<th{kinds[name]}>{escape(label)}</th>" for name, label in headings.items())
    first, *others = headings
    rows = []
    for k in range(len(frame)):
        cells = "".join(f"<td{kinds[name]}>{escape(columns[name][k])}</td>" for name in others)
        rows.append(f'<tr><th scope="row">{escape(columns[first][k])}</th>{cells}</tr>')
    return wide(f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>")


def wide(content: str) -> str:
    """What may be wider than the screen, in a frame that scrolls by itself."""
    return f'<div class="wide">{content}</div>'


def _kind(values: pd.Series) -> str:
    return "" if pd.api.types.is_numeric_dtype(values) and values.dtype != bool else ' class="text"'


def column_texts(values: pd.Series) -> list[str]:
    """Texts of a column: four significant digits of the smallest number, p-values as R prints them."""
    if values.dtype == bool:
        return ["yes" if v else "no" for v in values]
    if not pd.api.types.is_numeric_dtype(values):
        return ["" if v is None or v is pd.NA or v != v else str(v) for v in values]
    if pd.api.types.is_integer_dtype(values):
        return [str(v) for v in values]
    known = values.to_numpy(dtype=np.float64)
    if values.name == "p_value":
        return ["" if t == "NA" else t for t in p_value_texts([float(v) for v in known])]
    shown = iter(significant(known[~np.isnan(known)].tolist(), digits=3))
    return ["" if np.isnan(v) else minus(next(shown).strip()) for v in known]


def facts(pairs: Mapping[str, str]) -> str:
    """A list of names and texts."""
    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in pairs.items() if value)
    return f"<dl>{items}</dl>"


def sentences(lines: Iterable[str]) -> str:
    """Remarks, one a list entry."""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else ""
