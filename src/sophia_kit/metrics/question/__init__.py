"""Questions in plain English: read as metric queries, answered, or declined with a reason."""

from sophia_kit.metrics.question.answer import Answer, Option
from sophia_kit.metrics.question.asking import Interpreter, ask
from sophia_kit.metrics.question.ranking import Top

__all__ = ["Answer", "Interpreter", "Option", "Top", "ask"]
