"""``tiny_cnn``: a network for images too small for any of timm."""

from typing import Any

import torch
from torch import nn

NAME = "tiny_cnn"
WIDTHS = (16, 32, 64)


class TinyCNN(nn.Module):
    """``tiny_cnn``: three convolutions for images of 8 to 32 pixels, 24 thousand weights.

    Convolution, batch norm and ReLU three times, mean over positions, one linear layer.

    Input (B, in_chans, H, W) of any size from 4 x 4, output (B, num_classes) logits.
    """

    def __init__(self, num_classes: int = 10, in_chans: int = 1) -> None:
        super().__init__()
        self.num_classes = num_classes
        layers: list[nn.Module] = []
        width = in_chans
        for i, wider in enumerate(WIDTHS):
            layers += [
                nn.Conv2d(width, wider, 3, stride=1 if i == 0 else 2, padding=1, bias=False),
                nn.BatchNorm2d(wider),
                nn.ReLU(inplace=True),
            ]
            width = wider
        self.features = nn.Sequential(*layers)
        self.fc = nn.Linear(width, num_classes)

    def get_classifier(self) -> nn.Module:
        """Return the classifier head, as timm's models do."""
        return self.fc

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits of a batch."""
        return self.fc(self.features(images).mean((2, 3)))


def tiny_cnn(pretrained: bool = False, **kwargs: Any) -> TinyCNN:
    """Create a small convolutional network for tiny images, without pretrained weights."""
    if pretrained:
        raise ValueError("tiny_cnn has no pretrained weights")
    known = {key: kwargs[key] for key in ("num_classes", "in_chans") if key in kwargs}
    model = TinyCNN(**known)
    model.pretrained_cfg = {  # type: ignore[assignment]
        "input_size": (known.get("in_chans", 1), 32, 32),
        "native_size": True,
        "classifier": "fc",
    }
    return model
