"""The one path: records in, events and books out. Live and replay run it alike."""

from feedtape.session.flows import Flow
from feedtape.session.keyframes import Assembly, keyframe_records
from feedtape.session.losses import LOSSES_KEPT, Loss
from feedtape.session.session import Marker, Session, marker_text

__all__ = ["LOSSES_KEPT", "Assembly", "Flow", "Loss", "Marker", "Session", "keyframe_records", "marker_text"]
