"""How resources are told in words."""

from typing import get_args

from omnium_elt.cli.listing import COSTS, RULES
from omnium_source.resources import Rule


def test_every_rule_is_told_and_what_it_costs() -> None:
    assert set(get_args(Rule)) == set(RULES) == set(COSTS)
