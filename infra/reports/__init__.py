"""The reports for operators and readers: queries over the tables, and the dashboard that shows their results."""
