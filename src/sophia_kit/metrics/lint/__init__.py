"""Rules of good definitions: what a file may say, and shouldn't. One rule a file; docs/metric-rules.md shows each.

A mistake is refused when definitions are loaded; a rule's remark is about one that loads.
"""

from sophia_kit.metrics.lint.rule import Remark, Rule
from sophia_kit.metrics.lint.run import MISTAKE, RULES, Finding, lint, lint_text

__all__ = ["MISTAKE", "RULES", "Finding", "Remark", "Rule", "lint", "lint_text"]
