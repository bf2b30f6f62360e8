"""Sources: how the beats that a unit computes on wait and come back, one kind a file."""
