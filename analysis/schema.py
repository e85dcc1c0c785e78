"""Every column name and dtype of the cache, once; the writer and the reader both import it."""

from typing import Final

import pyarrow as pa

SCHEMA_VERSION: Final = 1
ROW_GROUP: Final = 65_536
THUMBNAIL_PX: Final = 256

# images.parquet
IMAGE_ID: Final = "image_id"
LABEL: Final = "label"
PATH: Final = "path"
WIDTH: Final = "width"
HEIGHT: Final = "height"
IMAGE: Final = "image"
META_PREFIX: Final = "meta_"

# predictions/<variant_id>/seed-<k>.parquet
PREDICTION: Final = "prediction"
CONFIDENCE: Final = "confidence"
TRUE_CONFIDENCE: Final = "true_confidence"
TRUE_RANK: Final = "true_rank"
KL_FROM_DENSE: Final = "kl_from_dense"
EL2N: Final = "el2n"

# exports
VARIANT_ID: Final = "variant_id"
METHOD: Final = "method"
TARGET_SPARSITY: Final = "target_sparsity"
SPARSITY: Final = "sparsity"
SEED: Final = "seed"
CLASS_ID: Final = "class_id"
CLASS_NAME: Final = "class_name"

_IMAGE_STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def images_schema(metadata: pa.Schema | None = None) -> pa.Schema:
    """Return the schema of ``images.parquet``, the ``meta_*`` columns last."""
    fields = [
        pa.field(IMAGE_ID, pa.int32(), nullable=False),
        pa.field(LABEL, pa.int32(), nullable=False),
        pa.field(PATH, pa.string()),
        pa.field(WIDTH, pa.int32()),
        pa.field(HEIGHT, pa.int32()),
        pa.field(IMAGE, _IMAGE_STRUCT),
    ]
    return pa.schema([*fields, *(metadata or [])])


def predictions_schema(n_classes: int) -> pa.Schema:
    """Return the schema of one run's predictions; class ids are int16 where they fit."""
    class_type = pa.int16() if n_classes <= 32_767 else pa.int32()
    return pa.schema(
        [
            pa.field(IMAGE_ID, pa.int32(), nullable=False),
            pa.field(PREDICTION, class_type, nullable=False),
            pa.field(CONFIDENCE, pa.float32()),
            pa.field(TRUE_CONFIDENCE, pa.float32()),
            pa.field(TRUE_RANK, class_type),
            pa.field(KL_FROM_DENSE, pa.float32()),
            pa.field(EL2N, pa.float32()),
        ]
    )


RUNS_COLUMNS: Final = (
    VARIANT_ID, METHOD, TARGET_SPARSITY, SPARSITY, "weight_bits", "size_bytes", SEED,
    "top1", "top5", "ece", "latency_ms", "compute_dtype",
)  # fmt: skip
IMAGES_COLUMNS: Final = (
    VARIANT_ID, IMAGE_ID, LABEL, "dense_modal_label", "modal_label", "dense_agreement",
    "agreement", "dense_tied", "tied", "is_pie", "kind", "vote_distance", "dense_accuracy",
    "accuracy", "dense_confidence",
)  # fmt: skip
CLASSES_COLUMNS: Final = (
    VARIANT_ID, CLASS_ID, CLASS_NAME, "n_images", "dense_recall", "recall", "recall_delta",
    "normalized_recall_delta", "t", "df", "p", "q", "ci_low", "ci_high", "t_reference",
    "p_reference", "degenerate", "paired_t", "paired_p", "detectable",
)  # fmt: skip
SUMMARY_COLUMNS: Final = (
    VARIANT_ID, "n_runs", "top1_mean", "top1_std", "top5_mean", "n_pies", "pie_share", "n_tied",
    "noise_floor_share", "pie_share_half", "n_impacted_p", "n_impacted_q", "dense_top1_on_pies",
    "dense_top1_on_non_pies", "top1_on_pies", "top1_on_non_pies", "pie_excess",
    "pie_excess_low", "pie_excess_high",
    "dense_top1_on_aa_pies", "n_forgotten", "n_recovered", "n_changed", METHOD, TARGET_SPARSITY,
    SPARSITY, "size_bytes", "latency_ms", "ece_mean", "paired",
)  # fmt: skip
CURVES_COLUMNS: Final = (
    METHOD, TARGET_SPARSITY, SPARSITY, "metric", "mean", "std", "ci_low", "ci_high", "n_runs",
)  # fmt: skip
