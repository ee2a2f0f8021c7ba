"""Tables: ratios to eager and to the floor, and who is missing, with the reason."""

from scratchgrad.bench.harness import Measured
from scratchgrad.bench.report import claims, markdown, table

GROUP = [
    Measured("a", "eager", 300.0),
    Measured("a", "program", 30.0, build=0.5),
    Measured("a", "native", 10.5),
    Measured("a", "floor", 10.0),
    Measured("a", "floor, from C", 10.0),
    Measured("a", "JAX jit", failure="not installed: jax"),
]


def test_tables_have_ratios_to_eager_and_to_the_floor_and_say_who_is_missing():
    heads, rows = table(GROUP)
    assert heads == ["", "a step", "x eager", "/ floor", "to build"]
    assert rows[1] == ["program", "30 us", "10.0", "3.00", "0.5 s"]
    assert rows[-1] == ["JAX jit", "-", "-", "-", "not installed: jax"]
    text = markdown([GROUP])
    assert "| program | **10.0** / 3.00 (30 us) |" in text
    assert "JAX jit: not installed: jax (a)." in text


def test_without_a_floor_its_column_and_its_multiples_are_left_out():
    group = [r for r in GROUP if not r.contestant.startswith("floor")]
    heads, rows = table(group)
    assert heads == ["", "a step", "x eager", "to build"]
    assert rows[1] == ["program", "30 us", "10.0", "0.5 s"]
    assert "| program | **10.0** (30 us) |" in markdown([group])


def test_native_is_compared_with_the_same_products_called_from_C():
    assert claims([GROUP]) == "Native against the same products called from C: a +5.0 %."
    assert claims([GROUP[:3]]) == ""
