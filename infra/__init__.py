"""The deployment: one Pulumi program, with one component for each concern."""
