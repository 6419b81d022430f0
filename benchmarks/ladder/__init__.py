"""From three loops in Python to numnet's product, a rung at a time, each checked and then timed.

`python -m benchmarks.ladder` climbs it and prints a JSON line for each rung, product and round.
"""
