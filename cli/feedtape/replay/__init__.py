"""Playing tapes: reading them through a session, from the start or from a keyframe, and keeping their time."""
