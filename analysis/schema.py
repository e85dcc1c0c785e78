"""Column names, dtypes and categories of the cache, defined once."""

from dataclasses import dataclass
from typing import Final

import pyarrow as pa

SCHEMA_VERSION: Final = 2
ROW_GROUP: Final = 32_768
# Small groups in images.parquet, so that only the thumbnails of one page are read.
IMAGE_ROW_GROUP: Final = 128
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
MARGIN: Final = "margin"
SCORE_TIES: Final = "score_ties"
# Columns of predictions that files of older versions lack.
NEWER: Final = {MARGIN: pa.float32(), SCORE_TIES: pa.int16()}
# The prediction without a finite score: no class, wrong everywhere.
NO_ANSWER: Final = -1

# exports
VARIANT_ID: Final = "variant_id"
METHOD: Final = "method"
TARGET_SPARSITY: Final = "target_sparsity"
SPARSITY: Final = "sparsity"
SEED: Final = "seed"
CLASS_ID: Final = "class_id"
CLASS_NAME: Final = "class_name"
SHIFT: Final = "shift"

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
    """Return the schema of one run's predictions; class ids are int16 if they fit."""
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
            pa.field(MARGIN, pa.float32()),
            pa.field(SCORE_TIES, pa.int16()),
        ]
    )


RUNS_COLUMNS: Final = (
    VARIANT_ID, METHOD, TARGET_SPARSITY, SPARSITY, "weight_bits", "size_bytes", SEED,
    "top1", "top5", "ece", "latency_ms", "compute_dtype", "n_no_answer", "n_score_tied",
    "n_outside",
)  # fmt: skip
PIE_COLUMNS: Final = (
    VARIANT_ID, IMAGE_ID, LABEL, "dense_modal_label", "modal_label", "dense_agreement",
    "agreement", "dense_tied", "tied", "is_pie", "kind", "vote_distance", "dense_accuracy",
    "accuracy", "dense_confidence",
)  # fmt: skip
DIFFICULTY_COLUMNS: Final = ("dense_vote_entropy", "dense_true_confidence", "dense_el2n")
PAIRED_COLUMNS: Final = ("flips_to_wrong", "flips_to_right", KL_FROM_DENSE)
BREAKING_POINT: Final = "breaking_point"
DENSE_DOUBT: Final = "dense_doubt"
TIED_SCORES_COLUMNS: Final = ("dense_tied_scores", "tied_scores")
IMAGES_COLUMNS: Final = (
    *PIE_COLUMNS, *DIFFICULTY_COLUMNS, *PAIRED_COLUMNS, BREAKING_POINT, TRUE_CONFIDENCE,
    *TIED_SCORES_COLUMNS, MARGIN, DENSE_DOUBT,
)  # fmt: skip
PAIRS_COLUMNS: Final = (
    VARIANT_ID, "n_images", "top1_delta", "ci_low", "ci_high", "mcnemar_p", "flips_to_wrong",
    "flips_to_right", KL_FROM_DENSE,
)  # fmt: skip
CLASSES_COLUMNS: Final = (
    VARIANT_ID, CLASS_ID, CLASS_NAME, "n_images", "dense_recall", "recall", "recall_delta",
    "normalized_recall_delta", "t", "df", "p", "q", "ci_low", "ci_high", "t_reference",
    "p_reference", "degenerate", "detectable", "holm", "excess_gap",
    "dense_fpr", "fpr", "dense_fnr", "fnr", "mcnemar_p", "mcnemar_q", "n_train", "se_two_way",
    "df_two_way", "p_two_way", "q_two_way", "ci_low_two_way", "ci_high_two_way", "q_sweep",
    "loss_upper", "loss_upper_named", "shrunken_delta", "image_floor", "mcnemar_low",
    "mcnemar_high",
)  # fmt: skip
PLAN_COLUMNS: Final = (
    VARIANT_ID, CLASS_ID, CLASS_NAME, "n_images", "n_runs", "paired", "detectable", "image_floor",
    "difference", "seeds_needed", "images_needed",
)  # fmt: skip
SUMMARY_COLUMNS: Final = (
    VARIANT_ID, "n_runs", "top1_mean", "top1_std", "top5_mean", "n_pies", "pie_share", "n_tied",
    "noise_floor_share", "pie_share_half", "n_impacted_p", "n_impacted_q", "dense_top1_on_pies",
    "dense_top1_on_non_pies", "top1_on_pies", "top1_on_non_pies", "pie_excess",
    "pie_excess_low", "pie_excess_high",
    "dense_top1_on_aa_pies", "n_forgotten", "n_recovered", "n_changed", METHOD, TARGET_SPARSITY,
    SPARSITY, "size_bytes", "latency_ms", "ece_mean", "paired",
    "top1_ci_low", "top1_ci_high", "share_forgotten", "share_recovered", "share_changed",
    "dense_top1_on_random", "top1_on_random", "dense_top1_on_half_pies", "top1_on_half_pies",
    "top1_on_aa_pies", "dense_entropy_on_pies",
    "dense_entropy_on_non_pies", "dense_entropy_on_half_pies", "dense_entropy_on_aa_pies",
    "n_impacted_holm", "cev", "sde", "n_classes_left_out", "intensification",
    "intensification_dense", "flips_to_wrong", "flips_to_right", KL_FROM_DENSE,
    "n_score_tied", "n_no_answer", "n_outside", "n_forgotten_tied", "pie_excess_images_low",
    "pie_excess_images_high", "seed_p", "seed_p_holm", "seed_p_fewer", "seed_p_fewer_holm",
    "seed_smallest_p",
    "long_tail_slope", "long_tail_low", "long_tail_high", "long_tail_p", "long_tail_classes",
    "class_spread", "class_spread_p", "dense_top1_on_added", "top1_on_added",
    "dense_entropy_on_added",
)  # fmt: skip
HALVES_COLUMNS: Final = (VARIANT_ID, "scalar", "half", "aa", "aa_low", "aa_high", "n_splits")
STABILITY_COLUMNS: Final = (VARIANT_ID, IMAGE_ID, LABEL, "is_pie", "stability")
SEED_TEST_COLUMNS: Final = (
    VARIANT_ID, "n_images", "pie_share", "exchanged_pie_share", "p", "p_fewer", "smallest_p",
    "p_holm",
)  # fmt: skip
OVERLAP_COLUMNS: Final = (VARIANT_ID, "other_variant_id", "n_both", "n_either", "jaccard")
ATTRIBUTES_COLUMNS: Final = (
    VARIANT_ID, "attribute", "value", "n_images", "n_pies", "n_missing", "image_share",
    "pie_share", "over_representation", "ci_low", "ci_high", "half_over_representation",
    "aa_over_representation", "aa_ci_low", "aa_ci_high", "difference", "difference_low",
    "difference_high", "risk_difference", "risk_difference_low", "risk_difference_high",
    "contrast", "contrast_low", "contrast_high", "risk_difference_p", "contrast_p", "contrast_q",
)  # fmt: skip
DECILES_COLUMNS: Final = (
    VARIANT_ID, "attribute", "decile", "from_value", "to_value", "n_images", "excess",
    "excess_low", "excess_high",
)  # fmt: skip
ATTRIBUTE_PAIRS_COLUMNS: Final = (
    VARIANT_ID, "attribute", "value", "n_images", "dense_top1", "top1", "top1_delta", "ci_low",
    "ci_high", "mcnemar_p", "mcnemar_q", "flips_to_wrong", "flips_to_right",
)  # fmt: skip
NUMERIC_COLUMNS: Final = (
    VARIANT_ID, "attribute", "n_pies", "n_non_pies", "n_missing", "mean_on_pies",
    "mean_on_non_pies", "u", "p", "probability_larger", "matched_mean_on_pies",
    "matched_mean_on_non_pies", "van_elteren_z", "van_elteren_p", "n_classes_matched",
    "n_classes_unmatched", "n_pies_unmatched", "half_mean", "aa_mean", "difference",
    "difference_low", "difference_high", "added_mean",
)  # fmt: skip
SUBGROUPS_COLUMNS: Final = (
    VARIANT_ID, "attribute", "value", CLASS_ID, CLASS_NAME, "n_images", "n_positive",
    "n_negative", "dense_fpr", "fpr", "fpr_change", "dense_fnr", "fnr", "fnr_change",
)  # fmt: skip
ROBUSTNESS_COLUMNS: Final = (
    VARIANT_ID, SHIFT, "metric", "clean", "shifted", "relative", "dense_clean", "dense_shifted",
    "dense_relative", "difference", "ci_low", "ci_high", "p", "q", "n_runs", "dense_n_runs",
    "relative_low", "relative_high", "dense_relative_low", "dense_relative_high", METHOD,
    TARGET_SPARSITY, SPARSITY, "degenerate", "test", "df",
)  # fmt: skip
SHIFT_PAIRS_COLUMNS: Final = (
    VARIANT_ID, SHIFT, "n_images", "dense_top1", "top1", "top1_delta", "ci_low", "ci_high",
    "mcnemar_p", "mcnemar_q", "flips_to_wrong", "flips_to_right", KL_FROM_DENSE,
)  # fmt: skip
SHIFTS_COLUMNS: Final = (
    SHIFT, "corruption", "severity", "dataset", "n_images", "n_done", "n_runs",
)  # fmt: skip
ANNOTATIONS_COLUMNS: Final = (
    "study", VARIANT_ID, IMAGE_ID, LABEL, "group", "rater", "category", "time",
    "comment",
)  # fmt: skip
ANNOTATION_SHARES_COLUMNS: Final = (
    "study", VARIANT_ID, "category",
    "pie_images", "pie_count", "pie_share", "pie_low", "pie_high",
    "aa_images", "aa_count", "aa_share", "aa_low", "aa_high",
    "non_pie_images", "non_pie_count", "non_pie_share", "non_pie_low", "non_pie_high",
    "difference", "difference_low", "difference_high", "p", "q",
    "aa_difference", "aa_difference_low", "aa_difference_high", "aa_p", "aa_q",
    "added_share", "added_low", "added_high", "category_name",
)  # fmt: skip
ANNOTATION_AGREEMENT_COLUMNS: Final = (
    "study", VARIANT_ID, "measure", "rater", "other_rater", "n_raters", "n_images", "observed",
    "coefficient", "ci_low", "ci_high",
)  # fmt: skip
SCORES_COLUMNS: Final = (
    VARIANT_ID, "score", "decile", "n", "excess", "low", "high", "from_value", "to_value",
    "auc_halves", "auc_aa", "auc_difference", "auc_low", "auc_high", "auc_p", "auc_q",
    "n_score_runs",
)  # fmt: skip
FORECAST_COLUMNS: Final = (VARIANT_ID, IMAGE_ID, "score", "rank", "expected_share_caught")
CASCADE_COLUMNS: Final = (
    VARIANT_ID, "share_sent", "threshold", "forgotten_left", "forgotten_left_low",
    "forgotten_left_high", "top1", "control_forgotten_left", "mean_latency_ms", "split",
    "share_sent_found", "n_forgotten", "lost_top1_recovered", "mean_bytes_read", "n_runs",
)  # fmt: skip
SLICES_COLUMNS: Final = (
    VARIANT_ID, "slice", "name", "n", "risk_difference", "low", "high", "q", "split", "p",
    "contrast", "contrast_low", "contrast_high", "contrast_q", "measure", "description",
    "typical_images", "n_tested",
)  # fmt: skip
LAYERS_COLUMNS: Final = (
    VARIANT_ID, "layer", "k", "forgotten_restored", "forgotten_restored_low",
    "forgotten_restored_high", "top1", "bytes_added", "split", SEED, "rank", "n_restored",
    "n_forgotten", "n_images", "dense_top1", "compressed_top1", "to_right", "to_wrong",
    "mcnemar_p", "mcnemar_q", "ranking_restored", "ranking_forgotten", "layers", "nodes",
)  # fmt: skip
CURVES_COLUMNS: Final = (
    METHOD, TARGET_SPARSITY, SPARSITY, "metric", "mean", "std", "ci_low", "ci_high", "n_runs",
)  # fmt: skip


@dataclass(frozen=True)
class Category:
    """One answer: its stored ``key``, and the displayed ``name`` and ``about``."""

    key: str
    name: str
    about: str


CATEGORIES: Final = (
    Category(
        "incorrect-label",
        "Incorrect or inadequate label",
        "The label is wrong, or does not say what the picture is of.",
    ),
    Category(
        "multiple-objects",
        "Multiple objects",
        "Several things are shown, and the label names one of them.",
    ),
    Category(
        "co-occurring-labels",
        "Frequently co-occurring labels",
        "What is shown usually comes with something that has a label of its own.",
    ),
    Category(
        "atypical",
        "Atypical example",
        "A rare kind, angle or setting of what the label says.",
    ),
    Category(
        "fine-grained",
        "Fine-grained",
        "Telling it from a very similar class takes expert knowledge.",
    ),
    Category(
        "abstract",
        "Abstract representation",
        "A drawing, a toy, a sculpture: not the thing itself.",
    ),
    Category(
        "low-quality",
        "Corrupted or low quality",
        "Blurred, noisy, dark, cut off or hidden.",
    ),
    Category("none", "None of these", "A clear picture with the right label."),
)
KEYS: Final = tuple(category.key for category in CATEGORIES)
NO_MAJORITY: Final = "no-majority"
NO_MAJORITY_NAME: Final = "No majority"

PIE: Final = "pie"
AA_PIE: Final = "aa-pie"
NON_PIE: Final = "non-pie"
GROUPS: Final = (PIE, AA_PIE, NON_PIE)
