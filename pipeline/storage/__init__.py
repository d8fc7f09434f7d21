"""Everything durable but the tables: landing, lease, run record, and how a file is made durable."""
