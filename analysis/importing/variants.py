"""Variants of an import: a readable key that can be a folder's name, or method and sparsity."""

import re

from analysis.compression.registry import asked_sparsity, methods
from analysis.config import DENSE_ID, Step, Variant
from analysis.errors import UserError
from analysis.manifest import VariantRecord

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
_STEP = re.compile(r"([a-z][a-z0-9]*(?:-[a-z0-9]+)*?)(?:-(\d+\.\d+))?")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def variant_record(variant_id: str, *, paired: bool) -> VariantRecord:
    """Describe a variant by its key; one of our own grammar says method and level.

    Levels are written with two decimals, as everywhere. The level of a method that is not
    registered is taken for its target sparsity.

    Raises
    ------
    UserError
        The key cannot be the name of a folder.
    """
    if (
        not _SAFE.fullmatch(variant_id)
        or variant_id.endswith(".")
        or _RESERVED.fullmatch(variant_id)
    ):
        raise UserError(
            f"variant_id {variant_id!r:.110}: expected letters, digits, '.', '_', '+' or '-', "
            "starting with a letter or digit, at most 100, such as magnitude-0.90 or int8-static"
        )
    variant = _parsed(variant_id)
    if variant is None:
        return VariantRecord(variant_id, variant_id, None, paired=paired)
    paired = paired and not variant.is_dense
    return VariantRecord(variant.variant_id, variant.method, _sparsity(variant), paired=paired)


def joined_id(method: str, target_sparsity: float | None) -> str:
    """Write the key of a method and its target sparsity: ``magnitude``, 0.9 -> ``magnitude-0.90``.

    Raises
    ------
    UserError
        The method's name or the sparsity cannot be used.
    """
    if method == DENSE_ID:
        if target_sparsity:
            raise UserError(f"method 'dense' has target_sparsity {target_sparsity:g}; expected 0")
        return DENSE_ID
    return Step(method, target_sparsity).step_id


def order(record: VariantRecord) -> tuple[bool, str, float, str]:
    """Sort key: dense first, then by method and sparsity."""
    sparsity = 2.0 if record.target_sparsity is None else record.target_sparsity
    return record.variant_id != DENSE_ID, record.method, sparsity, record.variant_id


def _parsed(variant_id: str) -> Variant | None:
    if variant_id == DENSE_ID:
        return Variant()
    steps = []
    for part in variant_id.split("+"):
        found = _STEP.fullmatch(part)
        if found is None:
            return None
        level = None if found[2] is None else float(found[2])
        if level is not None and level > 1:
            return None
        steps.append(Step(found[1], level))
    return Variant(tuple(steps))


def _sparsity(variant: Variant) -> float | None:
    known = methods()
    if all(step.method in known for step in variant.steps):
        return asked_sparsity(variant)
    return next((step.level for step in variant.steps if step.level is not None), None)
