"""Simulates the data of the workflow pages: the designs and columns of well-known studies, the numbers drawn anew.

    python docs/workflows/simulate.py data      # writes data/soilPH.csv and the others

Each function below is one study: who measured what, and the model that the numbers are drawn from.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.random import Generator


def write_all(folder: Path) -> None:
    """Write every data set as CSV; the same numbers each time."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (name, study) in enumerate(STUDIES.items()):
        study(np.random.default_rng([2024, number])).to_csv(folder / f"{name}.csv", index=False)


def soil_ph(rng: Generator) -> pd.DataFrame:
    """Change of soil pH at 25 temperatures in each of 50 sites: sites differ in level and in slope."""
    site, temperature = _cross(np.arange(1, 51), np.linspace(10, 20, 25))
    level, slope = _correlated(rng, 50, sd=(1.2, 0.05), cor=0.4)
    mean = 0.14 + level[site - 1] + (0.24 + slope[site - 1]) * temperature
    return pd.DataFrame({"site": site, "temperature": temperature, "pH_change": rng.normal(mean, 0.73)})


def frog(rng: Generator) -> pd.DataFrame:
    """Presence of frogs in ponds of 40 regions by depth: regions differ in level and in the effect of depth."""
    region = np.repeat(np.arange(40), rng.integers(20, 44, size=40))
    depth = rng.uniform(0.05, 4.0, size=region.size)
    level, slope = _correlated(rng, 40, sd=(1.3, 0.8), cor=-0.6)
    chance = _expit(-1.45 + level[region] + (0.85 + slope[region]) * depth)
    name = pd.Series(region + 1).map("R{}".format)
    place = name + "_" + (pd.Series(region).groupby(region).cumcount() + 1).astype(str)
    return pd.DataFrame({"region": name, "site": place, "depth": depth, "presence": rng.binomial(1, chance)})


def simgroups(rng: Generator) -> pd.DataFrame:
    """Ten groups of 20 observations whose covariate differs between groups as well."""
    group = np.repeat(np.arange(10), 20)
    x1 = rng.normal(10, 1.5, size=10)[group] + rng.normal(0, 1, size=200)
    y = 24 + 1.45 * x1 + rng.normal(0, 3.2, size=10)[group] + rng.normal(0, 2, size=200)
    return pd.DataFrame({"y": y, "x1": x1, "groupID": [f"Group{g + 1}" for g in group]})


def blossoms(rng: Generator) -> pd.DataFrame:
    """Upper and lower bract widths (mm) of blossoms in 96 patches of 9 populations."""
    population = np.array([f"S{n}" for n in (1, 2, 6, 8, 11, 12, 20, 22, 27)])
    of_patch = np.sort(rng.integers(0, 9, size=96))
    patch = np.repeat(np.arange(96), rng.integers(1, 4, size=96))
    pop = of_patch[patch]
    lower = 17.5 + rng.normal(0, 1.2, size=9)[pop] + rng.normal(0, 1, size=96)[patch] + rng.normal(0, 1.6, patch.size)
    effects = rng.normal(0, 0.35, size=9)[pop] + rng.normal(0, 0.5, size=96)[patch]
    upper = 2.8 + 0.83 * lower + effects + rng.normal(0, 1, patch.size)
    names = [f"{population[p]} {k}" for p, k in zip(pop, patch, strict=True)]
    return pd.DataFrame({"pop": population[pop], "patch": names, "UBW": upper, "LBW": lower})


def eulaema(rng: Generator) -> pd.DataFrame:
    """Orchid bees counted in 178 samples of 72 study areas, by mean annual precipitation (mm)."""
    area = np.sort(np.concatenate([np.arange(72), rng.integers(0, 72, size=106)]))
    rain = np.round(rng.normal(1500, 350, size=72)[area] + rng.normal(0, 60, size=178)).clip(600)
    mean = np.exp(6.8 - 0.0016 * rain + rng.normal(0, 1.1, size=72)[area])
    count = rng.poisson(mean * rng.gamma(1.9, 1 / 1.9, size=178))
    return pd.DataFrame({"Eulaema_nigrita": count, "SA": [f"SA{a + 1:02d}" for a in area], "MAP": rain.astype(int)})


def rust(rng: Generator) -> pd.DataFrame:
    """Yellow rust on plots of a randomised complete block design, 12 fungicides in 4 blocks."""
    fungicide, block = _cross(np.arange(1, 13), np.arange(1, 5))
    effect = np.array([0, -0.7, -1.3, -1.4, -1.6, -3.7, -1.3, -1.2, -2.2, -2.4, -3.8, -3.2])
    mean = _expit(1.8 + effect[fungicide - 1] + rng.normal(0, 0.25, size=4)[block - 1])
    severity = rng.beta(36 * mean, 36 * (1 - mean)).clip(0.001, 0.999)
    columns = {"fungicide": fungicide, "block": block, "severity_o": 100 * severity, "severity": severity}
    return pd.DataFrame(columns).sort_values(["block", "fungicide"], ignore_index=True)


def crowder(rng: Generator) -> pd.DataFrame:
    """Germinated seeds of two Orobanche genotypes on 21 plates with extracts of bean or cucumber root."""
    cells = [("O75", "bean", 5), ("O75", "cucumber", 6), ("O73", "bean", 5), ("O73", "cucumber", 5)]
    rows = [(g, e) for g, e, count in cells for _ in range(count)]
    gen, extract = (np.array(column) for column in zip(*rows, strict=True))
    n = rng.integers(12, 82, size=21)
    old, cucumber = gen == "O75", extract == "cucumber"
    germ = rng.binomial(n, _expit(-0.4 - 0.15 * old + 0.55 * cucumber + 0.78 * (old & cucumber)))
    plate = [f"P{k + 1}" for k in range(21)]
    return pd.DataFrame({"plate": plate, "gen": gen, "extract": extract, "germ": germ, "n": n, "prop": germ / n})


def herds(rng: Generator) -> pd.DataFrame:
    """New cases of a cattle disease in 15 herds over 4 periods; a herd varies from period to period."""
    herd, period = _cross(np.arange(1, 16), np.arange(1, 5))
    size = rng.integers(2, 35, size=60)
    trend = np.array([-1.5, -2.7, -2.8, -3.3])[period - 1]
    chance = _expit(trend + rng.normal(0, 0.7, size=15)[herd - 1] + rng.normal(0, 0.8, size=60))
    cases = rng.binomial(size, chance)
    return pd.DataFrame({"herd": herd, "period": period, "size": size, "incidence": cases, "obs": np.arange(1, 61)})


def alcohol(rng: Generator) -> pd.DataFrame:
    """Litres of alcohol drunk a head and year: 189 countries, most with a year or two, a few with many."""
    country = np.repeat(np.arange(189), np.where(np.arange(189) < 12, 15, 1 + (np.arange(189) % 4 == 0)))
    year = 1985 + pd.Series(country).groupby(country).cumcount()
    drunk = 6.6 + rng.normal(0, 4.7, size=189)[country] + rng.normal(0, 1.05, country.size)
    columns = {"country": [f"C{c + 1:03d}" for c in country], "year": year, "alcohol": drunk.clip(0.01).round(2)}
    return pd.DataFrame(columns)


def septoria(rng: Generator) -> pd.DataFrame:
    """Share of wheat leaves infected in a split-plot trial: crops before wheat on the whole plots of 4 blocks."""
    levels = (["N0", "N1", "N2", "N3"], ["one", "two"], ["cvA", "cvB"], ["maize", "oat", "rape"], [1, 2, 3, 4])
    names = ("Fertilisation_level", "Dose_splitting", "Wheat_cultivar", "Preceding_crop", "Block")
    table = pd.DataFrame(dict(zip(names, _cross(*levels), strict=True)))
    plot = pd.factorize(table["Preceding_crop"] + table["Block"].astype(str))[0]
    eta = -2.6 + rng.normal(0, 0.25, size=4)[table["Block"] - 1] + rng.normal(0, 0.3, size=12)[plot]
    eta += table["Preceding_crop"].map({"maize": 0, "oat": 0.5, "rape": 1.2}).to_numpy()
    eta += table["Fertilisation_level"].map({"N0": 0, "N1": 0.5, "N2": 0.4, "N3": -0.2}).to_numpy()
    eta += 0.35 * ((table["Wheat_cultivar"] == "cvB") & (table["Preceding_crop"] == "maize"))
    mean = _expit(np.asarray(eta, dtype=float))
    return table.assign(infprop=rng.beta(30 * mean, 30 * (1 - mean)).clip(1e-4, 0.9999))


def blp(rng: Generator) -> pd.DataFrame:
    """Reading times (ms) of 58 words by 78 participants, each of whom saw some of the words."""
    participant, word = _cross(np.arange(78), np.arange(58))
    seen = rng.random(participant.size) < 0.15
    participant, word = participant[seen], word[seen]
    letters = rng.integers(3, 11, size=58)
    effects = rng.normal(0, 78, size=78)[participant] + rng.normal(0, 45, size=58)[word]
    rt = 473 + 17.9 * letters[word] + effects + rng.gamma(2.0, 97, size=word.size) - 194
    columns = {"spelling": word, "participant": participant + 1, "rt": rt.clip(200).round(), "nletters": letters[word]}
    return pd.DataFrame(columns).assign(spelling=lambda table: table["spelling"].map("word{:02d}".format))


def classroom(rng: Generator) -> pd.DataFrame:
    """Mathematics scores of 1,190 pupils in 312 classes of 107 schools; classid2 numbers the classes of one school."""
    school = np.sort(np.concatenate([np.arange(107), rng.integers(0, 107, size=205)]))
    classroom_of = np.sort(np.concatenate([np.arange(312), rng.integers(0, 312, size=878)]))
    ses = rng.normal(0, 0.75, size=1190).round(2)
    effects = rng.normal(0, 15.4, size=107)[school[classroom_of]] + rng.normal(0, 8.6, size=312)[classroom_of]
    score = np.round(523 + 11.8 * ses + effects + rng.normal(0, 33, size=1190)).astype(int)
    within = pd.Series(school).groupby(school).cumcount().to_numpy() + 1
    columns = {"schoolid": school[classroom_of] + 1, "classid": classroom_of + 1, "classid2": within[classroom_of]}
    return pd.DataFrame({"mathscore": score, "ses": ses, **columns})


def mathachieve(rng: Generator) -> pd.DataFrame:
    """Mathematics achievement of pupils in 160 schools, with what describes the school as a whole."""
    school = np.repeat(np.arange(160), rng.integers(20, 60, size=160))
    catholic, pracad = rng.random(160) < 0.44, rng.beta(2.2, 2.0, size=160).round(2)
    disclim, himinty = rng.normal(0, 1, size=160).round(3), (rng.random(160) < 0.27).astype(int)
    ses, male = rng.normal(0, 0.78, size=school.size).round(3), rng.random(school.size) < 0.47
    level, slope = _correlated(rng, 160, sd=(1.4, 0.6), cor=0.35)
    own = 10.5 + level - 1.5 * himinty - 0.35 * ~catholic + 4.2 * pracad - 0.45 * disclim
    score = rng.normal(own[school] + (2.2 + slope[school]) * ses + 1.2 * male, 6.05)
    table = pd.DataFrame({"school": [f"s{s + 1}" for s in school], "mathach": score.round(3), "ses": ses})
    table["sex"] = np.where(male, "Male", "Female")
    table["sector"] = np.where(catholic, "Catholic", "Public")[school]
    return table.assign(pracad=pracad[school], disclim=disclim[school], himinty=himinty[school])


def marker(rng: Generator) -> pd.DataFrame:
    """A marker in milk by season and silage: a gamma response whose shape depends on the season and the farm."""
    farm, season = _cross(np.arange(60), ["summer", "winter"])
    farm, season = np.repeat(farm, 4), np.repeat(season, 4)
    m1, maize, winter = rng.normal(0, 0.7, farm.size), rng.random(farm.size) < 0.5, season == "winter"
    mean = np.exp(2.2 + rng.normal(0, 0.3, size=60)[farm] + 0.2 * winter + (0.45 - 0.15 * winter) * m1 + 0.2 * maize)
    shape = np.exp(1.5 - 0.45 * winter + rng.normal(0, 0.5, size=60)[farm])
    silage = np.where(maize, "maize", "grass")
    columns = {"farmcode": farm + 1, "season": season, "silagetype": silage, "m1": m1}
    return pd.DataFrame(columns).assign(markerout=rng.gamma(shape, mean / shape))


def contamination(rng: Generator) -> pd.DataFrame:
    """Bacteria counted in 20 silage samples of each of 35 farms."""
    farm = np.repeat(np.arange(35), 20)
    day, rain = rng.normal(0, 1, size=700).round(2), rng.integers(0, 2, size=700)
    stubble, manure = rng.integers(0, 2, size=35)[farm], rng.integers(0, 2, size=35)[farm]
    mean = np.exp(2.85 - 0.2 * day + 0.3 * rain + 0.25 * stubble + 0.25 * manure + rng.normal(0, 0.45, size=35)[farm])
    count = rng.poisson(mean * rng.gamma(1.6, 1 / 1.6, size=700))
    columns = {"farmcode": farm + 1, "doyc": day, "rain": rain, "stubbleheight": stubble, "springfym": manure}
    return pd.DataFrame(columns).assign(overseed=rng.integers(0, 2, size=35)[farm], contamination=count)


def cbb(rng: Generator) -> pd.DataFrame:
    """Coffee berry borers caught in 3 kinds of trap, 4 blocks, 24 weeks: far more variable than a Poisson count."""
    week, block, trap = _cross(np.arange(1, 25), ["I", "II", "III", "IV"], ["SF", "F", "CV"])
    of_trap = pd.Series(trap).map({"CV": 0.0, "F": -1.5, "SF": -2.1})
    effect = of_trap + pd.Series(block).map({"I": 0.0, "II": 0.3, "III": 0.2, "IV": 0.25})
    count = rng.poisson(np.exp(4.4 + effect - 0.1 * week + rng.normal(0, 1.3, size=288)))
    return pd.DataFrame({"week": week, "block": block, "trap": trap, "count": count, "z": np.arange(1, 289)})


STUDIES: dict[str, Callable[[Generator], pd.DataFrame]] = {
    "soilPH": soil_ph,
    "frog": frog,
    "simgroups": simgroups,
    "blossoms": blossoms,
    "Eulaema": eulaema,
    "rust": rust,
    "crowder": crowder,
    "herds": herds,
    "alcohol": alcohol,
    "septoria": septoria,
    "blp": blp,
    "classroom": classroom,
    "mathachieve": mathachieve,
    "marker": marker,
    "contamination": contamination,
    "cbb": cbb,
}


def _cross(*levels: object) -> list[np.ndarray]:
    """Every combination of the levels, one array a factor, the last varying fastest."""
    return [grid.ravel() for grid in np.meshgrid(*(np.asarray(level) for level in levels), indexing="ij")]


def _correlated(rng: Generator, count: int, sd: tuple[float, float], cor: float) -> np.ndarray:
    """Two correlated normal effects a group, (2, count)."""
    covariance = np.array([[sd[0] ** 2, cor * sd[0] * sd[1]], [cor * sd[0] * sd[1], sd[1] ** 2]])
    return rng.multivariate_normal(np.zeros(2), covariance, size=count).T


def _expit(eta: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-eta))


if __name__ == "__main__":
    write_all(Path(sys.argv[1] if len(sys.argv) > 1 else "data"))
