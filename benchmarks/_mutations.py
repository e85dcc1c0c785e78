"""Small prediction files in every format, and mutations of their bytes."""

import gzip
import io
import json
import random
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

_N, _CLASSES = 6, ("ant", "bee", "cat")
_TOKENS = (
    b'"', b",", b"\n", b"\r\n", b";", b"\x00", b"NaN", b"-1", b"1e308", b"99999999999999999999",
    b"\xff\xfe", b"../..", b"[", b"{", b"null", b"inf", b"0.5", b" ", b"\xe2\x80\xa8", b"true",
)  # fmt: skip
FORMATS = ("csv", "csv.gz", "parquet", "jsonl", "jsonl.gz", "npz")


def file_of(kind: str, generator: random.Random) -> tuple[str, bytes]:
    """Return the name and content of a file, valid or with odd values inside a valid format."""
    if kind == "npz":
        return _scores(generator)
    columns = _columns(generator)
    if generator.random() < 0.3:
        _spoil(columns, generator)
    if kind == "parquet":
        return "t.parquet", _parquet(columns, generator)
    rows = list(zip(*columns.values(), strict=True))
    if kind.startswith("csv"):
        separator = generator.choice(",;\t")
        lines = [separator.join(columns), *(separator.join(map(str, row)) for row in rows)]
    else:
        lines = [json.dumps(dict(zip(columns, row, strict=True))) for row in rows]
    content = "\n".join(lines).encode() + b"\n"
    return f"t.{kind}", gzip.compress(content, mtime=0) if kind.endswith(".gz") else content


def mutated(content: bytes, generator: random.Random) -> bytes:
    """Mutate bytes: flip, insert, delete, repeat or truncate some."""
    changed = bytearray(content)
    for _ in range(generator.choice((0, 1, 1, 2, 4, 12))):
        if not changed:
            break
        place = generator.randrange(len(changed))
        end = min(len(changed), place + generator.choice((1, 2, 8, 40)))
        kind = generator.randrange(6)
        if kind == 0:
            changed[place] ^= 1 << generator.randrange(8)
        elif kind == 1:
            changed[place:place] = generator.choice(_TOKENS)
        elif kind == 2:
            del changed[place:end]
        elif kind == 3:
            changed[place:place] = changed[place:end]
        elif kind == 4:
            changed[place:end] = generator.choice(_TOKENS)
        else:
            del changed[place:]
    return bytes(changed)


def _columns(generator: random.Random) -> dict[str, list[object]]:
    as_names = generator.random() < 0.5
    label = [generator.randrange(len(_CLASSES)) for _ in range(_N)]
    columns: dict[str, list[object]] = {
        name: [] for name in ("image_id", "label", "seed", "variant_id", "prediction", "confidence")
    }
    for variant in ("dense", "magnitude-0.90"):
        for image in range(_N):
            prediction = generator.randrange(len(_CLASSES))
            both = (label[image], prediction)
            shown = [_CLASSES[one] if as_names else one for one in both]
            row = (image, shown[0], 0, variant, shown[1], round(generator.random(), 3))
            for values, value in zip(columns.values(), row, strict=True):
                values.append(value)
    return columns


def _spoil(columns: dict[str, list[object]], generator: random.Random) -> None:
    """Put an odd value into one cell, or into a column."""
    name = generator.choice(list(columns))
    odd: object = generator.choice(
        (None, -1, 7, 2**31, 2**63, 0.5, 3.0, "", "NaN", "cat", "=1+1", "../x", True, [1], {"a": 1})
    )
    if generator.random() < 0.3:
        columns[name] = [odd] * len(columns[name])
    else:
        columns[name][generator.randrange(len(columns[name]))] = odd


def _parquet(columns: dict[str, list[object]], generator: random.Random) -> bytes:
    arrays = {}
    for name, values in columns.items():
        try:
            arrays[name] = pa.array(values)
        except (pa.ArrowException, OverflowError, TypeError):
            arrays[name] = pa.array([str(value) for value in values])
        kind = arrays[name].type
        # pyarrow cannot write a dictionary of nulls.
        if generator.random() < 0.2 and not (pa.types.is_nested(kind) or pa.types.is_null(kind)):
            arrays[name] = arrays[name].dictionary_encode()
    buffer = io.BytesIO()
    compression = generator.choice(("none", "snappy", "zstd"))
    pq.write_table(pa.table(arrays), buffer, compression=compression, row_group_size=5)
    return buffer.getvalue()


def _scores(generator: random.Random) -> tuple[str, bytes]:
    drawn = np.random.default_rng(generator.randrange(2**32))
    kind = generator.choice(("logits", "probabilities"))
    scores = drawn.random((_N, len(_CLASSES))).astype(generator.choice(("f2", "f4", "f8")))
    if kind == "probabilities":
        scores /= scores.sum(axis=1, keepdims=True)
    labels = drawn.integers(0, len(_CLASSES), _N)
    members: dict[str, bytes] = {}
    for name, array in ((kind, scores), ("labels", labels)):
        buffer = io.BytesIO()
        np.save(buffer, array)
        members[name] = buffer.getvalue()
    if generator.random() < 0.5:  # inside, where the archive's checksum is then valid
        inside = generator.choice(list(members))
        members[inside] = mutated(members[inside], generator)
    buffer = io.BytesIO()
    compression = generator.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return "dense__seed-0.npz", buffer.getvalue()
