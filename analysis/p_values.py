"""Format p values with two digits, never as 0."""

_SMALLEST = 1e-300


def p_text(p: float) -> str:
    """Format a p value with two digits, never as 0: ``p = 0.012``, ``p < 1e-300``.

    Parameters
    ----------
    p : float
    """
    return f"p {short_p(p)}" if p < _SMALLEST else f"p = {short_p(p)}"


def short_p(p: float) -> str:
    """Format a p value alone with two digits, never as 0: ``0.012``, ``< 1e-300``.

    Parameters
    ----------
    p : float
    """
    return f"< {_SMALLEST:g}" if p < _SMALLEST else f"{p:.2g}"
