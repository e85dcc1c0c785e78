"""``lethe.audit``: models or scores in memory become a sweep, and are left as they were."""

import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset

from analysis.errors import UserError
from analysis.importing import ImportConfig, import_predictions
from analysis.notebook import result as served
from analysis.notebook.audit import audit
from analysis.results import load_sweep
from analysis.store import Cache
from tests.auditing import Net, pair, scores, tensors, tiles


def test_scores_are_the_sweep_that_an_import_of_them_is(tmp_path: Path) -> None:
    given, labels = pair()
    found = audit(given, labels=labels, name="pair", cache=tmp_path)
    for variant, logits in given.items():
        np.savez(tmp_path / f"{variant}__seed-0.npz", logits=logits, labels=labels)
    files = tuple(str(tmp_path / f"{variant}__seed-0.npz") for variant in given)
    import_predictions(ImportConfig(files, name="same"), Cache(str(tmp_path)))
    same = load_sweep("same", cache=tmp_path)
    for table in ("summary", "runs", "classes", "images", "pies"):
        pd.testing.assert_frame_equal(getattr(found, table)(), getattr(same, table)())
    assert found.folder.verify() == []
    assert found.manifest.origin == "imported"
    assert "pair" in repr(found)
    assert "<table>" in found._repr_html_()
    assert "pies" in dir(found)
    with pytest.raises(AttributeError):
        found.nothing_of_the_kind  # noqa: B018


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
@pytest.mark.parametrize(
    "form", ["list", "tensor", "float16", "bfloat16", "float64", "4d", "quantized"]
)
def test_scores_of_every_form(form: str, tmp_path: Path) -> None:
    given, labels = pair()
    forms: dict[str, Any] = {
        "list": lambda a: a.tolist(), "tensor": torch.from_numpy,
        "float16": lambda a: a.astype(np.float16),
        "bfloat16": lambda a: torch.from_numpy(a).bfloat16().requires_grad_(),
        "quantized": lambda a: torch.quantize_per_tensor(
            torch.from_numpy(a), 1e-4, 0, torch.qint32
        ),
        "float64": lambda a: a.astype(float), "4d": lambda a: a[:, :, None, None],
    }  # fmt: skip
    changed = {name: forms[form](array) for name, array in given.items()}
    found = audit(changed, labels=labels.tolist(), cache=tmp_path)
    same = audit(given, labels=torch.from_numpy(labels)[:, None], cache=tmp_path, name="same")
    if form in ("float16", "bfloat16", "quantized"):
        assert abs(found.summary().top1_mean - same.summary().top1_mean).max() < 0.05
    else:
        pd.testing.assert_frame_equal(found.images(), same.images())


def test_populations_and_pairs(tmp_path: Path) -> None:
    runs = [scores(seed)[0] for seed in range(3)]
    labels = scores()[1]
    given = {"dense": runs, "int8": tuple(run + 0.1 for run in runs)}
    found = audit(given, labels=labels, cache=tmp_path, paired=True)
    assert found.manifest.seeds == [0, 1, 2]
    assert found.runs().groupby("variant_id").size().to_dict() == {"dense": 3, "int8": 3}
    assert found.manifest.variant("int8").paired
    by_seed = {"dense": {4: runs[0]}, "x": {4: runs[1]}}
    stacked = audit(by_seed, labels=labels, cache=tmp_path, name="seeds")
    assert stacked.manifest.seeds == [4]


def test_labels_alone_and_labels_by_name(tmp_path: Path) -> None:
    given, labels = pair()
    alone = {name: array.argmax(axis=1) for name, array in given.items()}
    found = audit(alone, labels=labels, cache=tmp_path)
    same = audit(given, labels=labels, cache=tmp_path, name="same")
    assert found.summary().top1_mean.tolist() == same.summary().top1_mean.tolist()
    names = np.array(["ant", "bee", "cat", "dog"])
    named = audit(
        {name: names[array] for name, array in alone.items()}, labels=names[labels],
        cache=tmp_path, name="named",
    )  # fmt: skip
    assert named.class_names == names.tolist()
    assert named.summary().top1_mean.tolist() == same.summary().top1_mean.tolist()
    by_place = audit(
        given, labels=names[labels], class_names=names.tolist(), cache=tmp_path, name="place"
    )
    assert by_place.class_names == names.tolist()


def test_what_has_no_answer_is_wrong(tmp_path: Path) -> None:
    given, labels = pair()
    given["int8"][:5] = np.nan
    found = audit(given, labels=labels, cache=tmp_path)
    images = found.images("int8").set_index("image_id")
    assert (images.modal_label[:5] == -1).all()
    assert any("5 images have no answer" in note for note in found.notes)


def test_probabilities_are_known_by_their_sums(tmp_path: Path) -> None:
    given, labels = pair()
    exact = {k: torch.softmax(torch.from_numpy(v).double(), 1).numpy() for k, v in given.items()}
    found = audit(exact, labels=labels, cache=tmp_path)
    same = audit(given, labels=labels, cache=tmp_path, name="same")
    pd.testing.assert_frame_equal(found.runs(), same.runs(), rtol=1e-4)
    with pytest.raises(UserError, match="multi-label"):
        audit({k: 1 / (1 + np.exp(-v)) for k, v in given.items()}, labels=labels, cache=tmp_path)


def test_models_over_a_loader_are_given_back_as_they_were(tmp_path: Path) -> None:
    dense, other = Net(0), Net(1)
    dense.train()
    dense.features.eval()
    other.eval()
    modes = [module.training for net in (dense, other) for module in net.modules()]
    state = {key: value.clone() for key, value in dense.state_dict().items()}
    loader = DataLoader(tensors(), batch_size=5)
    found = audit({"dense": dense, "int8": other}, loader, cache=tmp_path)
    assert [module.training for net in (dense, other) for module in net.modules()] == modes
    assert torch.is_grad_enabled()
    assert all(torch.equal(value, state[key]) for key, value in dense.state_dict().items())
    assert all(parameter.requires_grad for parameter in dense.parameters())
    dense(torch.zeros(2, 3, 8, 8)).sum().backward()
    images, labels = tensors().tensors
    with torch.no_grad():
        given = {"dense": dense.eval()(images), "int8": other(images)}
    same = audit(given, labels=labels, cache=tmp_path, name="same")
    pd.testing.assert_frame_equal(found.runs(), same.runs(), rtol=1e-4)
    assert any("thumbnails show the inputs of the models" in note for note in found.notes)
    assert tiles(found)[0].size == (8, 8)


def test_models_are_given_back_where_one_fails(tmp_path: Path) -> None:
    dense = Net(0).train()

    def broken(_: torch.Tensor) -> torch.Tensor:
        raise ValueError("no such kernel")

    with pytest.raises(UserError, match=r"int8@0 fails on batch 0: no such kernel"):
        audit({"dense": dense, "int8": broken}, DataLoader(tensors(), 5), cache=tmp_path)
    assert dense.training
    assert torch.is_grad_enabled()
    assert list(tmp_path.iterdir()) == []


def test_a_loader_that_shuffles_is_iterated_once(tmp_path: Path) -> None:
    class Counted(DataLoader):  # type: ignore[type-arg]
        n = 0

        def __iter__(self) -> Any:
            Counted.n += 1
            return super().__iter__()

    loader = Counted(tensors(), batch_size=4, shuffle=True)
    found = audit({"dense": Net(0), "int8": Net(0)}, loader, cache=tmp_path)
    assert Counted.n == 1
    assert found.summary().set_index("variant_id").n_forgotten["int8"] == 0
    with pytest.raises(UserError, match="in another order; give another name"):
        audit({"later": Net(1)}, loader, cache=tmp_path)


@pytest.mark.parametrize("form", ["dict", "generator", "numpy", "tuple-of-three", "iterable"])
def test_batches_of_every_form(form: str, tmp_path: Path) -> None:
    images, labels = tensors().tensors
    halves = [(images[:11], labels[:11]), (images[11:], labels[11:])]

    class Stream(IterableDataset):  # type: ignore[type-arg]
        def __iter__(self) -> Any:
            return iter(zip(images, labels, strict=True))

    loaders: dict[str, Any] = {
        "dict": [{"pixel_values": x, "labels": y} for x, y in halves],
        "generator": (half for half in halves),
        "numpy": [(x.numpy(), y.tolist()) for x, y in halves],
        "tuple-of-three": [(x, y, "more") for x, y in halves],
        "iterable": DataLoader(Stream(), batch_size=6),
    }
    net = Net(0)
    found = audit({"dense": net, "int8": net.forward}, loaders[form], cache=tmp_path)
    same = audit({"dense": net}, halves, cache=tmp_path, name="same")
    expected = same.runs().top1[0]
    assert found.runs().top1.tolist() == [expected, expected]


def test_outputs_of_every_form(tmp_path: Path) -> None:
    net = Net(0).eval()

    class Output(dict):  # type: ignore[type-arg]
        pass

    models = {
        "dense": net,
        "named": lambda x: Output(hidden=x.flatten(1), logits=net(x)),
        "tuple": lambda x: (net(x), x),
        "arrays": lambda x: net(x).numpy(),
        "half": Net(0).half(),
        "labels": lambda x: net(x).argmax(1),
    }
    found = audit(models, DataLoader(tensors(), batch_size=8), cache=tmp_path)
    top1 = found.runs().set_index("variant_id").top1
    assert (abs(top1 - top1["dense"]) < 0.06).all()
    assert top1["named"] == top1["tuple"] == top1["arrays"] == top1["labels"] == top1["dense"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"models": {"int8": 1}}, "none of int8 is 'dense'"),
        ({"models": []}, "expected a dict of models"),
        ({"models": {}}, "this is an empty one"),
        ({"labels": None}, r"give labels=…"),
        ({"labels": np.zeros(3, int)}, r"60 rows, and there are 3 labels"),
        ({"labels": np.full(60, 4)}, r"row 0: 4 is no class; expected one of 0 to 3"),
        ({"labels": np.full(60, -1)}, r"-1 is no class"),
        ({"labels": np.full(60, 0.5)}, "no whole numbers"),
        ({"labels": np.eye(60)}, "single-label"),
        ({"labels": ["ant"] * 60}, r"class_names=\[…\] gives their order"),
        ({"class_names": ["a", "b"]}, r"2 names \(a, b…\), and the models have 4 scores"),
        ({"class_names": ["a", "b", "b", "c"]}, "'b' twice"),
        ({"images": np.zeros((3, 8, 8))}, "3 images for 60 labels"),
        ({"images": ["gone.png"] * 60}, "no such file"),
        ({"images": np.zeros((60, 2, 3, 4, 5))}, "is no image"),
        ({"images": "folder"}, "a folder is audited with --dataset"),
        ({"name": "../up"}, "sweep name"),
        ({"scores": "odds"}, "expected auto, logits"),
        ({"models": {"dense": np.zeros((60, 4, 2))}}, r"shape \[60, 4, 2\]"),
        ({"models": {"dense": np.zeros((60, 4), np.int8)}}, "scale \\* \\(scores - zero_point\\)"),
        ({"models": {"dense": [["a"], ["b", "c"]]}}, "rows"),
        ({"models": {"dense": np.array([{}] * 60)}}, "hold object"),
        ({"models": {"dense": len}}, "give a loader"),
        ({"models": {"dense": scores()[0], "x": scores(n_classes=5)[0]}}, "4 scores .* has 5"),
        ({"models": {"dense": scores()[0], "a/b": scores()[0]}}, "variant_id 'a/b'"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(
    change: dict[str, Any], words: str, tmp_path: Path
) -> None:
    given, labels = pair()
    options: dict[str, Any] = {"models": given, "labels": labels, "cache": tmp_path / "c"} | change
    with pytest.raises(UserError, match=words) as error:
        audit(options.pop("models"), **options)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "c").exists() or list((tmp_path / "c").iterdir()) == []


@pytest.mark.parametrize(
    ("loader", "words"),
    [
        ([], "has no batch; a generator can be iterated only once"),
        (3, "cannot be iterated"),
        ([torch.zeros(2, 3)], "batch 0 of the loader is Tensor; expected"),
        ([{"image": torch.zeros(2, 3)}], "has image; expected 'pixel_values' and 'labels'"),
        ([(torch.zeros(2, 3, 8, 8), [0])], "2 images and 1 labels"),
        ([(torch.zeros(2, 3, 8, 8), torch.zeros(2, 4))], "one class an image"),
        ([(torch.zeros(2, 4, 8, 8), [0, 1])], "fails on batch 0"),
    ],
)
def test_a_loader_that_cannot_be_used(loader: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=words):
        audit({"dense": Net(0)}, loader, cache=tmp_path / "c")
    assert not (tmp_path / "c").exists() or list((tmp_path / "c").iterdir()) == []


def test_an_order_of_classes_that_is_wrong_is_refused(tmp_path: Path) -> None:
    logits, labels = scores(n=400)
    logits[np.arange(400), labels] += 3
    turned = {"dense": logits[:, [1, 0, 2, 3]], "int8": logits[:, [1, 0, 2, 3]]}
    with pytest.raises(UserError, match="accept_classes=True"):
        audit(turned, labels=labels, cache=tmp_path / "c")
    assert not (tmp_path / "c").exists()
    found = audit(turned, labels=labels, cache=tmp_path / "c", accept_classes=True)
    assert any("accept_classes=True" in note for note in found.notes)


def test_runs_can_be_added_and_replaced(tmp_path: Path) -> None:
    given, labels = pair()
    audit({"dense": given["dense"]}, labels=labels, cache=tmp_path)
    found = audit({"int8": given["int8"]}, labels=labels, cache=tmp_path)
    assert found.variant_ids == ["dense", "int8"]
    with pytest.raises(UserError, match=r"has int8@0 already; audit.*overwrite=True"):
        audit({"int8": given["dense"]}, labels=labels, cache=tmp_path)
    found = audit({"int8": given["dense"]}, labels=labels, cache=tmp_path, overwrite=True)
    assert found.summary().set_index("variant_id").n_forgotten["int8"] == 0
    assert found.folder.verify() == []
    with pytest.raises(UserError, match="is of other images"):
        audit({"b": given["int8"]}, labels=labels[::-1], cache=tmp_path)


def test_a_sweep_that_was_trained_is_left_alone(tmp_path: Path) -> None:
    given, labels = pair()
    found = audit(given, labels=labels, cache=tmp_path)
    manifest = found.manifest
    manifest.origin = "trained"
    found.folder.write_manifest(manifest)
    with pytest.raises(UserError, match="was trained; give audit"):
        audit({"other": given["int8"]}, labels=labels, cache=tmp_path)


def test_the_dashboard_starts_beside_and_is_found_again(tmp_path: Path) -> None:
    given, labels = pair()
    found = audit(given, labels=labels, name="a-b", cache=tmp_path)
    try:
        shown = found.show("int8")
        assert shown.address.startswith("http://127.0.0.1:")
        assert shown.address.endswith("/?sweep=a-b&variant=int8")
        assert 'href="http://127.0.0.1:' in shown._repr_html_()
        with urllib.request.urlopen(str(shown), timeout=10) as answer:
            assert answer.status == 200
        again = found.show()
        assert str(again).split("?")[0] == str(shown).split("?")[0]
        (process, _), = served._RUNNING.values()  # fmt: skip
    finally:
        served.stop()
    assert process.poll() is not None
