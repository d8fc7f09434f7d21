"""The deployment: one Pulumi program, a component to a concern."""
