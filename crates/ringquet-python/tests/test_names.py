"""What the package offers: names, docstrings, types."""

import inspect
import re
import types
from pathlib import Path

import pytest
import ringquet

REPOSITORY = Path(__file__).parents[3]


def test_all_names_are_there_and_documented() -> None:
    public = {name for name in dir(ringquet) if not name.startswith("_") and not inspect.ismodule(getattr(ringquet, name))}
    assert public | {"__version__"} == set(ringquet.__all__)
    for name in public:
        item = getattr(ringquet, name)
        assert inspect.getdoc(item), f"{name} has no docstring"
        assert item.__module__ in ("ringquet", "ringquet._native"), name


@pytest.mark.parametrize("name", [name for name in ringquet.__all__ if name[0].isupper()])
def test_members_are_documented(name: str) -> None:
    for member, value in vars(getattr(ringquet, name)).items():
        if not member.startswith("_") and isinstance(value, (types.MethodDescriptorType, types.GetSetDescriptorType)):
            assert value.__doc__, f"{name}.{member} has no docstring"


def test_version() -> None:
    manifest = (REPOSITORY / "Cargo.toml").read_text()
    assert f'version = "{ringquet.__version__}"' in manifest


#: Options that messages name and `open` has no keyword for: those of other commands, and words that are no options.
OTHER_WORDS = {"dontcache", "submit_batch", "iopoll"}


def test_options_that_messages_name_are_keywords() -> None:
    """The engine's sentences advise to change options: each has a keyword here."""
    keywords = set(inspect.signature(ringquet.open).parameters)
    keywords |= set(inspect.signature(ringquet.Dataset.epoch).parameters)
    spelt = {"memory_budget_bytes": "memory", "read_size_bytes": "read_size", "coalesce_gap_bytes": "coalesce_gap"}
    named = set()
    for crate in ["ringquet", "ringquet-io", "ringquet-decode"]:
        text = (REPOSITORY / "tests" / "messages" / "snapshots" / f"{crate}.snap").read_text()
        named |= set(re.findall(r"`([a-z][a-z0-9_]*)`", text))
    named = {spelt.get(name, name) for name in named} - OTHER_WORDS
    assert "memory" in named and "threads" in named
    assert named <= keywords | {"rows"}, named - keywords
