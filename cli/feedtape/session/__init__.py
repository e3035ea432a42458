"""The one path: records in, events and books out. Live and replay run it alike."""

from feedtape.session.flows import Flow
from feedtape.session.losses import LOSSES_KEPT, Loss
from feedtape.session.session import Session, read_keyframe

__all__ = ["LOSSES_KEPT", "Flow", "Loss", "Session", "read_keyframe"]
