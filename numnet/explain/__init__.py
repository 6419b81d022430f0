"""Every number explained: gradients with their proof. `python -m numnet.explain gradcheck` checks a network's."""
