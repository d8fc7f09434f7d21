"""What a chat holds besides its messages: members, reactions and drafts, and what privacy mode lets a bot see of it."""
