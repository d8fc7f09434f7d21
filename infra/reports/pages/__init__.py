"""The pages of the dashboard, and the widgets that they are made of."""
