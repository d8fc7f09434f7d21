"""The live pipeline in a browser: what each stage holds, and the way of each message. It only reads."""
