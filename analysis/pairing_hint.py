"""What is said where runs that are taken as independent look made from each other."""

from analysis.results import SweepResults
from analysis.wording import percent


def pairing_hints(results: SweepResults) -> list[str]:
    """Name the variants whose runs look made from the dense runs of their seeds, and the way out.

    Taken as independent, such runs are given more seed noise than they have: fewer PIEs than the
    noise floor, wider intervals.
    """
    way = (
        "import its files again with --paired --overwrite"
        if results.manifest.is_imported
        else "run the models again with --paired, under another --name"
    )
    return [
        f"{variant_id} differs from the dense run of its seed on at most {percent(tie.equal)} of "
        f"the images, from those of other seeds on at least {percent(tie.different)}: its runs "
        f"look made from them, and are taken as independent; {way}"
        for variant_id, tie in results.seed_ties().items()
        if tie.is_likely
    ]
