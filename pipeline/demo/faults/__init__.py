"""Faults that a person can cause in the demo, each with what follows and what is lost or sent twice: nothing."""
