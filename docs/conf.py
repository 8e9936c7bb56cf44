"""Settings of the documentation. `nox -s docs` builds it; a warning is an error."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))  # a checkout documents itself, installed or not

import attrs
from sphinx.application import Sphinx
from sphinx.ext.napoleon import Config, GoogleDocstring

import klingmotion

project = "klingmotion"
author = "The klingmotion authors"
copyright = "2026, The klingmotion authors"
version = release = klingmotion.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"klingmotion {version}"
html_copy_source = False

default_role = "literal"  # docstrings put code in single backquotes
add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_type_aliases = {name: name for name in ("FileLike", "Json", "OnCancel", "OnTask", "TaskLike")}
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 100
python_use_unqualified_type_names = True

GOOGLE_STYLE = Config(napoleon_use_ivar=True)


def read_docstring(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Read a docstring in Google style, but not that of an attribute: a colon in it is no type."""
    if what not in ("attribute", "data", "property"):
        lines[:] = GoogleDocstring(lines, GOOGLE_STYLE, app, what, name, obj, options).lines()


def spell_signature(
    _app: Sphinx, what: str, _name: str, obj: object, _options: object, signature: str | None, returns: str | None
) -> tuple[str | None, str | None] | None:
    """Show the defaults of an attrs class instead of attrs' code, and no constructor where users call none."""
    if what == "class" and (getattr(obj, "_is_protocol", False) or obj is klingmotion.Batch):
        return "", None
    if signature is None:
        return None
    if isinstance(obj, type) and attrs.has(obj):
        fields = attrs.fields_dict(obj)
        signature = re.sub(r"attr_dict\['(\w+)'\]\.default", lambda found: repr(fields[found[1]].default), signature)
        signature = re.sub(r"\bNOTHING\b", "...", signature)
    return re.sub(r"TypeAliasForwardRef\('(\w+)'\)", r"\1", signature), returns


def setup(app: Sphinx) -> None:
    """Connect the above; the extension napoleon does the same to attributes, too."""
    app.connect("autodoc-process-docstring", read_docstring)
    app.connect("autodoc-process-signature", spell_signature)
