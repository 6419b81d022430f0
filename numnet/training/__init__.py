"""Training: the loop, what it may be told (recipes, schedules), and what may watch it (callbacks)."""
