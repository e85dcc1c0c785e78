import numpy as np

from analysis.figures.trade_off import is_undominated


def by_hand(costs):
    def beats(a, b):
        pairs = list(zip(a, b, strict=True))
        return all(x <= y for x, y in pairs) and any(x < y for x, y in pairs)

    return [
        not np.isnan(one).any() and not any(beats(other, one) for other in costs) for one in costs
    ]


def test_as_the_definition_says_it():
    generator = np.random.default_rng(0)
    for n in (1, 2, 7, 40):
        costs = generator.integers(0, 4, (n, 3)).astype(float)
        costs[generator.random(costs.shape) < 0.05] = np.nan
        assert is_undominated(costs).tolist() == by_hand(costs)


def test_equal_models_are_on_the_front_together_and_unknown_ones_are_not():
    costs = np.array([[1, 1], [1, 1], [2, 1], [0, np.nan]])
    assert is_undominated(costs).tolist() == [True, True, False, False]
