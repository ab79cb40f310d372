"""Tables of texts as plain text, Markdown, HTML and LaTeX, every label escaped as the format needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its section, label and texts; `is_uncertainty` where it belongs to the line above."""

    section: str
    label: str
    texts: Sequence[str]
    is_uncertainty: bool


@dataclass(frozen=True, slots=True)
class Grid:
    """A table before it is rendered: headings, lines, notes."""

    names: Sequence[str]
    lines: Sequence[Line]
    notes: Sequence[str]

    def sections(self) -> Iterator[tuple[str, list[Line]]]:
        """Lines by section, in order."""
        for section, lines in groupby(self.lines, key=lambda line: line.section):
            yield section, list(lines)


def text(grid: Grid) -> str:
    """Aligned columns: stars and closing parentheses stand right of the last digits."""
    stars = max((_stars(t) for line in grid.lines for t in line.texts), default=0)
    padded = [[_padded(t, line.is_uncertainty, max(stars, 1)) for t in line.texts] for line in grid.lines]
    labels = [f"  {line.label}" for line in grid.lines]
    sections = [section for section, _ in grid.sections()]
    first = max(map(len, [*labels, *sections]))
    widths = [max(len(name), *(len(row[k]) for row in padded)) for k, name in enumerate(grid.names)]
    total = first + sum(w + 2 for w in widths)
    heading = " " * first + "".join(f"  {name:>{w}}" for name, w in zip(grid.names, widths, strict=True))
    made = ["=" * total, heading, "-" * total]
    remaining = iter(zip(labels, padded, strict=True))
    for place, (section, lines) in enumerate(grid.sections()):
        made += [section] if place == 0 else ["", section]
        for label, texts in (next(remaining) for _ in lines):
            made.append(
                (f"{label:<{first}}" + "".join(f"  {t:>{w}}" for t, w in zip(texts, widths, strict=True))).rstrip()
            )
    return "\n".join([*made, "=" * total, *grid.notes])


def _stars(content: str) -> int:
    return len(content) - len(content.rstrip("*"))


def _padded(content: str, is_uncertainty: bool, room: int) -> str:
    """`room` places right of the last digit, for stars or a closing parenthesis."""
    if not content or not any(c.isdigit() for c in content):
        return content
    return content + " " * (room - (1 if is_uncertainty else _stars(content)))


def markdown(grid: Grid) -> str:
    """A pipe table; section names in bold."""
    rows = [["", *map(escape_markdown, grid.names)], ["---", *("---:" for _ in grid.names)]]
    for section, lines in grid.sections():
        rows.append([f"**{escape_markdown(section)}**", *("" for _ in grid.names)])
        rows += [[escape_markdown(line.label), *map(escape_markdown, line.texts)] for line in lines]
    table = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([*table, "", *(escape_markdown(note) + "  " for note in grid.notes)]).rstrip()


def html(grid: Grid) -> str:
    """A table with a body for every section; it needs no style sheet, and has classes for one."""
    heads = "".join(f'<th scope="col" style="text-align:right">{escape(name)}</th>' for name in grid.names)
    made = ['<table class="ranef-etable">', f"<thead><tr><th></th>{heads}</tr></thead>"]
    for section, lines in grid.sections():
        made.append("<tbody>")
        title = f'<th scope="rowgroup" colspan="{len(grid.names) + 1}" style="text-align:left">{escape(section)}</th>'
        made.append(f'<tr class="section">{title}</tr>')
        for line in lines:
            kind = ' class="uncertainty"' if line.is_uncertainty else ""
            cells = "".join(f'<td style="text-align:right">{minus(escape(t))}</td>' for t in line.texts)
            label = f'<th scope="row" style="text-align:left;font-weight:normal">{escape(line.label)}</th>'
            made.append(f"<tr{kind}>{label}{cells}</tr>")
        made.append("</tbody>")
    notes = "<br>".join(map(escape, grid.notes))
    foot = f'<tfoot><tr><td colspan="{len(grid.names) + 1}" style="text-align:left">{notes}</td></tr></tfoot>'
    return "\n".join([*made, foot, "</table>"])


def latex(grid: Grid) -> str:
    """A tabular for the package booktabs."""
    made = [r"\begin{tabular}{l" + "r" * len(grid.names) + "}", r"\toprule"]
    made += [" & ".join(["", *map(escape_latex, grid.names)]) + r" \\", r"\midrule"]
    span = len(grid.names) + 1
    for place, (section, lines) in enumerate(grid.sections()):
        if place:
            made.append(r"\addlinespace")
        made.append(rf"\multicolumn{{{span}}}{{l}}{{\textit{{{escape_latex(section)}}}}} \\")
        for line in lines:
            cells = [latex_number(t) for t in line.texts]
            made.append(" & ".join([escape_latex(line.label), *cells]) + r" \\")
    made.append(r"\bottomrule")
    made += [rf"\multicolumn{{{span}}}{{l}}{{\footnotesize {escape_latex(note)}}} \\" for note in grid.notes]
    return "\n".join([*made, r"\end{tabular}"])


RENDERERS: dict[str, Callable[[Grid], str]] = {"text": text, "markdown": markdown, "html": html, "latex": latex}

_MINUS = "\N{MINUS SIGN}"
_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "_": r"\_",
    "%": r"\%",
    "&": r"\&",
    "#": r"\#",
    "$": r"\$",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "|": r"\textbar{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "[": "{[}",
    "]": "{]}",
}


def escape_latex(content: str) -> str:
    r"""Text as LaTeX sets it; brackets are hidden from `\\`, which would take them for an argument.

    Examples
    --------
    >>> escape_latex("body_mass & 50%")
    'body\\_mass \\& 50\\%'
    """
    return "".join(_LATEX.get(c, c) for c in content)


def latex_number(content: str) -> str:
    """A cell of numbers: minus signs are minus signs, not hyphens, and stars are raised."""
    shown = escape_latex(content)
    if not any(c.isdigit() for c in content) or any(c.isalpha() for c in content.replace("e-", "")):
        return shown
    stem = content.rstrip("*")
    raised = content[len(stem) :]
    return escape_latex(minus(stem)).replace(_MINUS, "$-$") + (f"$^{{{raised}}}$" if raised else "")


def minus(content: str) -> str:
    """A cell's text with minus signs for the hyphens of numbers."""
    made = []
    for place, c in enumerate(content):
        starts = place == 0 or content[place - 1] in "([ e"
        follows = place + 1 < len(content) and content[place + 1].isdigit()
        made.append(_MINUS if c == "-" and starts and follows else c)
    return "".join(made)


def escape_markdown(content: str) -> str:
    r"""Text that Markdown leaves as it is.

    Examples
    --------
    >>> escape_markdown("sd(x_1|g)")
    'sd(x\\_1\\|g)'
    """
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>|~#" else c for c in content)
