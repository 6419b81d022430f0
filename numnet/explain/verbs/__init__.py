"""What `python -m numnet.explain` can do: a file for each verb, with what it says of itself, its flags and its work."""
