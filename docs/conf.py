"""The documentation's site, built by `make docs`: a warning stops the build, no page loads from another host."""

from pipeline import __version__

project = "telegram-lakehouse"
release = version = __version__
author = "the authors of telegram-lakehouse"

extensions = ["myst_parser"]
# The source folder is the repository's root, so that a relative link means the same here and on the hosting platform.
root_doc = "docs/index"
include_patterns = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "docs/*.md", "docs/decisions/*.md"]
exclude_patterns = [".*", "build", "dist", "infra", "pipeline", "scripts", "secrets", "tests"]
source_suffix = {".md": "markdown"}
nitpicky = True

myst_heading_anchors = 4

html_theme = "furo"
html_title = f"telegram-lakehouse {release}"
html_copy_source = False
html_show_sphinx = False
# Sends the reader from the site's root to the first page.
html_extra_path = ["site"]
pygments_style = "friendly"
pygments_dark_style = "monokai"
