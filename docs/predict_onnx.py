"""Logits of an ONNX classifier on a Parquet file of images, as import takes them.

python docs/predict_onnx.py MODEL.onnx IMAGES.parquet dense__seed-0.npz --mean … --std …
"""

import argparse
import io

import numpy as np
import onnxruntime
import pyarrow.parquet as pq
from PIL import Image

parser = argparse.ArgumentParser()
parser.add_argument("model")
parser.add_argument("images", help="Parquet in Hugging Face's image layout")
parser.add_argument("out", help="<variant_id>__seed-<k>.npz")
parser.add_argument("--mean", type=float, nargs="+", default=[0.0], help="of pixels from 0 to 1")
parser.add_argument("--std", type=float, nargs="+", default=[1.0])
options = parser.parse_args()

session = onnxruntime.InferenceSession(options.model, providers=["CPUExecutionProvider"])
(name,) = (given.name for given in session.get_inputs())
logits, labels = [], []
for batch in pq.ParquetFile(options.images).iter_batches(256):
    names = batch.schema.names
    column = next(one for one in ("image", "img") if one in names)
    label = next(one for one in ("label", "labels", "fine_label") if one in names)
    pictures = [Image.open(io.BytesIO(row["bytes"])) for row in batch.column(column).to_pylist()]
    pixels = np.stack([np.asarray(one.convert("RGB"), np.float32) / 255 for one in pictures])
    pixels = (pixels - np.float32(options.mean)) / np.float32(options.std)
    logits.append(session.run(None, {name: pixels.transpose(0, 3, 1, 2)})[0])
    labels.append(batch.column(label).to_numpy())
np.savez(options.out, logits=np.concatenate(logits), labels=np.concatenate(labels))
