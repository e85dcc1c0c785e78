"""A stratified, seeded split for data that come without one."""

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.intp]


def stratified_split(
    labels: npt.NDArray[np.int64], *, test_share: float = 0.3, random_seed: int = 0
) -> tuple[Indices, Indices]:
    """Places of the train and of the test images, both ascending.

    Of a class with n images ``round(test_share * n)`` go to test, at least one to either side where
    n >= 2; a single image goes to train.
    """
    generator = np.random.default_rng(random_seed)
    test = []
    for class_id in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == class_id))
        count = min(max(round(test_share * len(members)), 1), len(members) - 1)
        test.append(members[:count])
    chosen = np.sort(np.concatenate(test)) if test else np.empty(0, np.intp)
    return np.setdiff1d(np.arange(len(labels)), chosen), chosen
