"""Damaged files: read back as they are, or refused in words; the benchmark runs many more."""

import pytest

from benchmarks.import_fuzz import run_cases

_BATCH = 100


@pytest.mark.parametrize("first", range(0, 500, _BATCH))
def test_a_damaged_file_is_read_as_it_is_or_refused_in_words(first: int) -> None:
    counts, wrong = run_cases(first, _BATCH)
    assert wrong == []
    assert sum(counts.values()) == _BATCH
    assert any(key.endswith("accepted") for key in counts)
    assert any(key.endswith("refused") for key in counts)
