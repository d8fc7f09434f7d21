"""What operators and readers look at: the queries over the tables, and the dashboard that shows them."""
