"""The one path: records in, events and books out. Live and replay run it alike."""

from feedtape.session.clocks import Clocks, Offset, latency_ns
from feedtape.session.flows import Flow
from feedtape.session.keyframes import Assembly, keyframe_records
from feedtape.session.losses import LOSSES_KEPT, Loss
from feedtape.session.session import Marker, Session, marker_text

__all__ = [
    "LOSSES_KEPT",
    "Assembly",
    "Clocks",
    "Flow",
    "Loss",
    "Marker",
    "Offset",
    "Session",
    "keyframe_records",
    "latency_ns",
    "marker_text",
]
