"""Predicting a finished run on shifts: from its saved weights, quantized again where it was."""

from analysis.config import Variant
from analysis.datasets.preprocess import Arrays
from analysis.errors import LetheError, one_line
from analysis.manifest import FileRecord
from analysis.prediction import prediction_table
from analysis.remaking import ready
from analysis.run import Context, Shifted


def shift_run(
    context: Context, variant: Variant, seed: int, arrays: Arrays, names: tuple[str, ...]
) -> Shifted:
    """Predict one run on every shift named, and write each shift's predictions as they are there.

    A shift on which that fails leaves the others alone.
    """
    store, logits = context.store, ready(context, variant, seed)
    files: dict[str, FileRecord] = {}
    done, failed = [], {}
    for name in names:
        try:
            pixels = arrays.pixels(name)
            dense = logits.of_dense(pixels) if logits.of_dense is not None else None
            table = prediction_table(logits.of_run(pixels), arrays.labels(name), dense_logits=dense)
            record = store.write_predictions(variant.variant_id, seed, table, {}, shift=name)
        except LetheError as error:
            failed[name] = one_line(error)
            continue
        path = store.prediction_path(variant.variant_id, seed, shift=name)
        files[store.relative(path)] = record
        done.append(name)
    return Shifted(tuple(done), failed, files)
