"""Settings of the documentation."""

project = "trueup"
author = "The trueup developers"
copyright = author

extensions = ["myst_parser"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "methods", "conftest.py"]

html_theme = "furo"
html_title = "trueup"
html_show_sourcelink = False
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["site.css"]

# Doctests need an empty line before the closing fence; readers do not.
highlight_options = {name: {"stripall": True} for name in ("default", "python", "pycon")}
