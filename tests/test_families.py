"""Families by name, alias and object; errors that offer the nearest."""

import numpy as np
import pytest

import ranef
from ranef.families import resolve


@pytest.mark.parametrize(
    ("given", "name", "link"),
    [
        ("poisson", "poisson", "log"),
        ("Gamma", "gamma", "inverse"),
        ("bernoulli", "binomial", "logit"),
        ("beta_family", "beta", "logit"),
        ("negative_binomial", "nbinom2", "log"),
        ("binomial(probit)", "binomial", "probit"),
        ("gamma(link='log')", "gamma", "log"),
        ("truncated_nbinom1", "truncated_nbinom1", "log"),
    ],
)
def test_a_name_or_alias_gives_the_family(given, name, link):
    family = resolve(given)
    assert (family.name, family.link) == (name, link)


def test_a_constructor_and_its_object_give_the_same_family():
    assert resolve(ranef.families.nbinom2) == resolve(ranef.families.nbinom2(link="log"))


def test_an_unknown_family_offers_the_nearest():
    with pytest.raises(ranef.FamilyError, match=r"no family 'poison'; did you mean 'poisson'\?"):
        resolve("poison")


def test_an_unknown_link_offers_the_nearest_and_lists_all():
    with pytest.raises(ranef.FamilyError, match=r"no link 'logti'; did you mean 'logit'\?.*probit"):
        resolve("binomial(logti)")


def test_a_family_of_another_type_is_refused():
    with pytest.raises(ranef.FamilyError, match=r"got 3"):
        resolve(3)


def test_the_module_refuses_names_that_are_no_family():
    with pytest.raises(AttributeError, match="no family 'nonsense'"):
        _ = ranef.families.nonsense


def test_the_table_lists_every_family_with_its_links():
    table = ranef.families.list().set_index("name")
    assert {"gaussian", "binomial", "poisson", "nbinom1", "nbinom2", "gamma", "beta", "betabinomial"} <= set(
        table.index
    )
    assert {"truncated_poisson", "truncated_nbinom1", "truncated_nbinom2"} <= set(table.index)
    assert table.loc["binomial", "links"].startswith("logit")
    assert table.loc["poisson", "dispersion"] == ""


@pytest.mark.parametrize("name", ranef.families.names())
def test_every_family_of_the_table_has_a_constructor(name):
    assert getattr(ranef.families, name)().name == name


@pytest.mark.parametrize("name", ranef.families.names())
def test_the_link_undoes_its_inverse(name):
    links = ranef.families.list().set_index("name").loc[name, "links"].split(", ")
    for link in links:
        family = ranef.families.make(name, link)
        eta = np.array([0.3, 0.7, 1.2])
        np.testing.assert_allclose(family.link_function(family.inverse_link(eta)), eta, rtol=1e-12)


def test_sigma_is_the_dispersion_itself_but_for_a_shape():
    assert ranef.families.nbinom2().sigma(np.array([np.log(2.0)]))[0] == pytest.approx(2.0)
    assert ranef.families.gamma().sigma(np.array([np.log(4.0)]))[0] == pytest.approx(0.5)
    assert ranef.families.poisson().sigma(np.zeros(1))[0] == 1.0
