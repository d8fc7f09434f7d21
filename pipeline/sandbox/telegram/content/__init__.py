"""What messages carry besides text: keyboards, and what belongs to them."""
