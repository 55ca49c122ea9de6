"""The control loops: what is asked for and what there is, and the steps from one to the other."""
