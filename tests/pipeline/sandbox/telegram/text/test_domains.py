"""Top-level domains."""

from pipeline.sandbox.telegram.text.domains import TOP_LEVEL_DOMAINS


def test_frequent_domains_are_known_and_endings_of_files_are_not() -> None:
    """MessageEntity: url, also without a scheme, as in main.py, which Paraguay owns."""
    assert {"com", "org", "io", "de", "app", "py", "md"} <= TOP_LEVEL_DOMAINS
    assert TOP_LEVEL_DOMAINS.isdisjoint({"js", "txt", "ts", "csv", "html", ""})
