"""Text that means harm, or is merely unusual, and a sweep that has it wherever data can reach.

To extend the suite add a string to ``STRINGS``: every page, figure, table, report, shared file and
printed line is compared with it. A string for an element of a page marks itself as ``struck``.
"""

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa

from analysis import schema
from analysis.errors import UserError
from analysis.results import SweepResults
from analysis.results.studies import start_study
from analysis.schema import Category
from analysis.store import SweepFolder
from analysis.store.join import join
from analysis.store.layers import write_layers
from analysis.store.manifest import LeftOut, ModelRecord
from analysis.store.protocol import Protocol
from tests.synthetic import by_hand, make_sweep, with_map

STRINGS = {
    "script": "<script>window.struck = 1; alert(1)</script>",
    "image": "<img src=x onerror='window.struck = 1'>",
    "svg": '<svg/onload="window.struck = 1">',
    "frame": "<iframe src='https://struck.example/'></iframe>",
    "closing": "</script></style></textarea></title><b>struck</b>",
    "double quote": '" onmouseover="window.struck=1" x="',
    "single quote": "' onfocus='window.struck=1' autofocus x='",
    "link": "javascript:window.struck=1",
    "comment": "<!-- struck --> ]]> <![CDATA[ struck ]]>",
    "entity": "&lt;b&gt;struck&lt;/b&gt; &#60;i&#62; &amp;",
    "bold": "**struck** __struck__ ~~struck~~",
    "markdown link": "[struck](javascript:window.struck=1) ![struck](https://struck.example/x.png)",
    "heading": "# struck",
    "list": "1. struck",
    "table": "| a | b |\n|---|---|\n| struck | struck |",
    "backticks": "```struck``` `struck`",
    "colour": ":red[struck] :blue-badge[struck]",
    "icon": ":material/home: :smile: :streamlit:",
    "tex": "$x^2$ $$\\frac{1}{2}$$ \\(x\\)",
    "plotly tags": "<b>struck</b><br><i>struck</i><sup>2</sup>",
    "plotly link": "<a href='https://struck.example/'>struck</a>",
    "plotly template": "%{customdata[0]} %{x} %{y:.2f}",
    "jinja": "{{7*7}} {% for a in b %} {# struck #}",
    "format": "{0} %s %(a)s ${HOME}",
    "shell": "$(touch struck) `touch struck`; rm -rf ~ && struck | struck",
    "formula =": "=cmd|' /C calc'!A0",
    "formula +": "+1+1",
    "formula -": "-1+1",
    "formula @": "@SUM(1,1)",
    "formula tab": "\t=1+1",
    "formula return": "\r=1+1",
    "up": "../../../../etc/passwd",
    "absolute": "/etc/passwd",
    "windows": "C:\\Windows\\win.ini",
    "address": "a/b?c#d&sweep=struck;e",
    "control": "bell\x07 back\x08space \x1b[31mred\x1b[0m \x1b]0;struck\x07 \x9b31m",
    "direction": "left\u202eright\u2066 \u200fstruck",
    "unseen": "zero\u200bwidth\u200djoined\ufeff",
    "long": "a long name, " * 23 + "its end",
    "emoji": "👩‍🔬 猫 שלום",
    "newline": "two\nlines",
    "comma": 'a,"b";c',
    "number": "007",
    "nothing": "nan",
}  # fmt: skip
TEXTS = tuple(STRINGS.values())
VARIANT = "magnitude-0.90"
CATEGORIES = tuple(
    Category(f"key-{i}", STRINGS[name], STRINGS[name])
    for i, name in enumerate((
        "script", "svg", "frame", "link", "bold", "colour", "tex", "plotly tags", "formula =",
        "entity",
    ))
)  # fmt: skip


def make_hostile(root: Path, name: str = "hostile", *, n_images: int = 264) -> SweepFolder:
    """Write a sweep with every string as name of whatever can be called something, and as facts."""
    folder = make_sweep(root, name, n_images=n_images, seeds=4, class_names=TEXTS,
                        shifts=("fog-3",))  # fmt: skip
    _metadata(folder, n_images)
    _facts(folder)
    _kept(folder)
    _layers(folder)
    return with_map(folder, STRINGS["image"] + STRINGS["bold"])


def _layers(folder: SweepFolder) -> None:
    """Keep a table of layers with every string as the name of one, as a graph may name it."""
    n = len(TEXTS)
    rows = pd.DataFrame(
        {
            "variant_id": VARIANT, "layer": TEXTS, "k": 1, "forgotten_restored": 0.5,
            "forgotten_restored_low": 0.4, "forgotten_restored_high": 0.6, "top1": 0.8,
            "bytes_added": range(n), "split": "test half", "seed": 0, "rank": range(1, n + 1),
            "n_restored": 5, "n_forgotten": 10, "n_images": 100, "dense_top1": 0.9,
            "compressed_top1": 0.7, "to_right": 5, "to_wrong": 1, "mcnemar_p": 0.2,
            "mcnemar_q": 0.2, "ranking_restored": 4, "ranking_forgotten": 10,
            "layers": [json.dumps([text]) for text in TEXTS],
            "nodes": [json.dumps([text]) for text in TEXTS],
        }
    )  # fmt: skip
    table = pa.Table.from_pandas(rows[list(schema.LAYERS_COLUMNS)], preserve_index=False)
    with folder.locked():
        write_layers(folder, VARIANT, 0, table)


def _metadata(folder: SweepFolder, n_images: int) -> None:
    """Give images hostile paths, and columns with hostile names and values."""
    values = [TEXTS[i % len(TEXTS)] for i in range(n_images)]
    images = folder.read_images()
    paths = pa.array([f"{value}/{i}.png" for i, value in enumerate(values)])
    images = images.set_column(images.column_names.index(schema.PATH), schema.PATH, paths)
    manifest = folder.manifest()
    manifest.files["images.parquet"] = folder.write_images(images)
    folder.write_manifest(manifest)
    size = [i % 7 / 7 for i in range(n_images)]
    join(folder, pd.DataFrame({"image_id": range(n_images), "value": values, "size": size}))
    numbers = {f"{STRINGS[name]} in numbers": size for name in ("script", "up", "control", "long")}
    join(folder, pd.DataFrame({"image_id": range(n_images), **numbers}))
    for text in TEXTS:
        frame = pd.DataFrame({"image_id": range(n_images), text: ["a", "b"] * (n_images // 2)})
        join(folder, frame)


def _facts(folder: SweepFolder) -> None:
    """Put the strings into every text of the manifest that names no file of the sweep."""
    manifest = folder.manifest()
    manifest.dataset.spec, manifest.dataset.notes = STRINGS["image"], list(TEXTS)
    manifest.model = ModelRecord(STRINGS["script"], parameters=7, image_size=[8, 8])
    manifest.config.options |= dict(zip(TEXTS, TEXTS, strict=True))
    manifest.versions = dict(zip(TEXTS, TEXTS, strict=True))
    manifest.device.device = manifest.device.machine = "".join(TEXTS)
    manifest.pairing, manifest.git_commit = STRINGS["closing"], STRINGS["double quote"]
    manifest.left_out = [LeftOut(text, text) for text in TEXTS]
    manifest.shifts[0].dataset = manifest.shifts[0].fingerprint = STRINGS["image"]
    manifest.shifts[0].notes = list(TEXTS)
    manifest.shifts[0].left_out = list(manifest.left_out)
    manifest.shifts[0].failed = {text: text for text in TEXTS}
    manifest.variants[1].method = STRINGS["plotly tags"]
    failed = manifest.run("int8-static", 3)
    failed.state, failed.error = "failed", STRINGS["bold"] + STRINGS["script"] + STRINGS["control"]
    folder.write_manifest(manifest)


def _kept(folder: SweepFolder) -> None:
    """Keep tags, views and ratings under every name that is accepted."""
    protocol = Protocol(categories=CATEGORIES)
    study = start_study(SweepResults(folder), VARIANT, size=20, seed=1, protocol=protocol)
    image = folder.annotations.read(study).images[0]
    for number, text in enumerate(TEXTS):
        try:
            folder.marks.tag(text, [number])
            folder.marks.save_view(text, {"class": [text], "meta": [f"value:{text}"]})
            folder.marks.save_slice(text, [number])
        except UserError:
            pass  # Too long, or with control characters: tests/test_marks.py.
        if len(text) <= 60 and text.isprintable():
            category = CATEGORIES[number % len(CATEGORIES)].key
            folder.annotations.annotate(study, text, image, category, text)
    # A file may say more than a form accepts.
    path = folder.path / "marks" / "marks.json"
    marks = by_hand(path)
    marks["tags"] |= {text: [1, 2] for text in TEXTS}
    marks["slices"] |= {text: [1, 2, 10**9] for text in TEXTS}
    path.write_text(json.dumps(marks), encoding="utf-8")
