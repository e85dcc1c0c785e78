"""The Python lines that give the images of the gallery in a notebook, in its order."""

from analysis import schema
from analysis.results.code import literal, table_code, where_in
from dashboard import data
from dashboard.context import Context
from dashboard.gallery import selected
from dashboard.gallery.query import Found
from dashboard.selection import WHOLE, Selection

_CLASS_COLUMNS = {
    "label": schema.LABEL, "dense": "dense_modal_label", "variant": "modal_label",
}  # fmt: skip
_SORTED = {
    "vote_distance": 'table["vote_distance"]',
    "agreement_drop": '(table["dense_agreement"] - table["agreement"]).round(5)',
    "accuracy_drop": '(table["dense_accuracy"] - table["accuracy"]).round(5)',
    "dense_confidence": 'table["dense_confidence"]',
    "confidence_lost": 'table["dense_true_confidence"] - table["true_confidence"]',
    "dense_vote_entropy": 'table["dense_vote_entropy"]',
    "breaking_point": 'table["breaking_point"]',
    "label": 'table["label"]',
    "image_id": 'table["image_id"]',
}


def gallery_code(context: Context, found: Found) -> str:
    """Write the lines for what is meant: the selected images, else the rule of the filters."""
    lines = table_code(context.results, "images", context.variant)
    if len(selected.ids(context)):
        return lines + where_in(schema.IMAGE_ID, selected.meant(context, found).tolist())
    return lines + _filters(context) + _order(context)


def _filters(context: Context) -> str:
    selection, names = context.selection, context.results.class_names
    lines = {"pies": _kept('table["is_pie"]'), "non-pies": _kept('~table["is_pie"]')}.get(
        selection.population, ""
    )
    if selection.kinds:
        lines += where_in("kind", list(selection.kinds))
    for column, chosen in (
        (_CLASS_COLUMNS[selection.class_of], selection.classes),
        ("modal_label", selection.becomes),
    ):
        if chosen:
            lines += where_in(column, [names.index(name) for name in chosen])
    for column, (low, high) in (
        ("agreement", selection.agreement),
        ("vote_distance", selection.distance),
    ):
        if (low, high) != WHOLE:
            lines += _kept(f'(100 * table["{column}"]).round(3).between({low}, {high})')
    return lines + _metadata(selection) + _tags(context)


def _metadata(selection: Selection) -> str:
    lines = "\nmetadata = sweep.metadata()" if selection.meta else ""
    for column in dict.fromkeys(column for column, _ in selection.meta):
        values = [value for name, value in selection.meta if name == column]
        name = literal(f"{schema.META_PREFIX}{column}")
        lines += (
            f"\nchosen = metadata[{name}].astype('string').isin({literal(values)})"
            '\ntable = table[table["image_id"].isin(metadata.loc[chosen, "image_id"])]'
        )
    return lines


def _tags(context: Context) -> str:
    tags = data.marks(context.results.folder).tags
    if not context.selection.tags:
        return ""
    chosen = {image_id for tag in context.selection.tags for image_id in tags.get(tag, ())}
    return where_in(schema.IMAGE_ID, sorted(chosen))


def _order(context: Context) -> str:
    selection = context.selection
    key = _SORTED.get(selection.sort)
    if selection.sort == "stability":
        key = f'sweep.stability({literal(context.variant)})["stability"]'
    if key is None:
        return ""
    return (
        f"\ntable = table.assign(key={key})"
        f'.sort_values("key", ascending={selection.order == "asc"}, kind="stable")'
        '.drop(columns="key")'
    )


def _kept(condition: str) -> str:
    return f"\ntable = table[{condition}]"
