"""Which of several compressed models no other beats: the Pareto front."""

import numpy as np
import numpy.typing as npt


def is_undominated(costs: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Tell of each model whether no other is at least as good in everything and better in one.

    Parameters
    ----------
    costs : float array, shape (n, m)
        What is to be small, one row a model. A row with a NaN is compared with none and is not on
        the front.

    Returns
    -------
    bool array, shape (n,)
        True on the Pareto front; equal rows are on it together.
    """
    known = ~np.isnan(costs).any(axis=1)
    rows = costs[known]
    no_worse = (rows[:, None, :] <= rows[None, :, :]).all(axis=2)
    better = (rows[:, None, :] < rows[None, :, :]).any(axis=2)
    front = np.zeros(len(costs), np.bool_)
    front[known] = ~(no_worse & better).any(axis=0)
    return front
