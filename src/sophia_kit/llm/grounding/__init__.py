"""Grounded prose: a model is given facts and writes references to them; what it writes is checked before it is shown.

    found = check("Revenue is {revenue}, up {revenue.vs_prior_year.size} on a year earlier.", material)

`check` asks no model. It reads English alone, and lets pass what it can place: every number is a reference, every date
and every name too, and what goes up has a fact that went up. docs/analysis.md lists what it refuses.
"""

from sophia_kit.llm.grounding.analyse import Analysis, Refusal, Writer, analyse
from sophia_kit.llm.grounding.check import check
from sophia_kit.llm.grounding.finding import Finding, Rule
from sophia_kit.llm.grounding.material import Material

__all__ = ["Analysis", "Finding", "Material", "Refusal", "Rule", "Writer", "analyse", "check"]
