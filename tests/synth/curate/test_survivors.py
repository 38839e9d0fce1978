"""The compact table and store against dicts and lists."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np

from synth.curate.survivors import BandTable, ShingleStore

BANDS = 4


def keys_of(texts: list[tuple[int, ...]]) -> np.ndarray:
    return np.array(texts, np.uint32).reshape(-1, BANDS)


def test_texts_that_share_a_band_are_found_through_every_doubling() -> None:
    rng = np.random.default_rng(3)
    added = rng.integers(0, 1 << 32, (200_000, BANDS), np.uint32)  # 800,000 entries: the slots double twice
    added[150_000:] = added[rng.permutation(50_000)]
    table = BandTable(BANDS)
    for begin in range(0, len(added), 10_000):
        table.add(added[begin : begin + 10_000])
    asked = np.concatenate([added[rng.choice(150_000, 100)], rng.integers(0, 1 << 32, (50, BANDS), np.uint32)])
    wanted = {row: set(np.flatnonzero((added == keys).any(axis=1)).tolist()) for row, keys in enumerate(asked)}
    assert table.sharing(asked) == {row: texts for row, texts in wanted.items() if texts}


def test_one_key_in_two_bands_is_two_keys() -> None:
    table = BandTable(BANDS)
    table.add(keys_of([(7, 1, 2, 3)]))
    assert table.sharing(keys_of([(1, 7, 3, 2), (7, 9, 9, 9)])) == {1: {0}}


def test_texts_of_one_batch_with_one_key_are_all_found() -> None:
    table = BandTable(BANDS)
    table.add(keys_of([(5, 5, 5, 5)] * 3))
    table.add(keys_of([(5, 0, 0, 0), (0, 0, 0, 5)]))
    assert table.sharing(keys_of([(5, 1, 1, 1), (1, 1, 1, 5), (0, 1, 1, 1)])) == {
        0: {0, 1, 2, 3},
        1: {0, 1, 2, 4},
        2: {4},
    }


def test_an_empty_table_has_nothing_and_takes_nothing() -> None:
    table = BandTable(BANDS)
    table.add(keys_of([]))
    assert table.sharing(keys_of([(0, 0, 0, 0)])) == {}


def test_shingles_come_back_from_memory_and_from_the_file() -> None:
    rng = np.random.default_rng(5)
    sets = [rng.integers(0, 1 << 32, size, np.uint32) for size in (3, 1, 2_000_000, 2_500_000, 7)]  # 18 MB
    store = ShingleStore()
    for number, shingles in enumerate(sets):
        store.add([shingles])
        for earlier in range(number + 1):
            np.testing.assert_array_equal(store.read(earlier), sets[earlier])


def test_memory_stays_below_450_bytes_a_text() -> None:
    """In a process of its own, whose peak is not another test's."""
    program = """
import resource, sys
import numpy as np
from synth.curate.survivors import BandTable, ShingleStore
rng = np.random.default_rng(1)
table, store = BandTable(32), ShingleStore()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for _ in range(1000):
    table.add(rng.integers(0, 1 << 32, (100, 32), np.uint32))
    store.add([np.arange(60, dtype=np.uint32)] * 100)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 450 * 100_000 + (16 << 20)  # and the shingles held before the file


def test_a_disk_that_is_full_is_one_line(tmp_path: Path) -> None:
    program = """
import numpy as np
from synth.curate.survivors import ShingleStore
store = ShingleStore()
try:
    for _ in range(20):
        store.add([np.zeros(1 << 18, np.uint32)])
except OSError as error:
    print(error.strerror)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (17 << 20, 17 << 20)),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("TMPDIR: cannot keep the shingles of rows in a temporary file, got ")
    assert "File too large" in done.stdout
    assert list(tmp_path.iterdir()) == []
