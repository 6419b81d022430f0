"""Every number explained: a step taken apart, a weight's story, and the proof of each gradient."""
