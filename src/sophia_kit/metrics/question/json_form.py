"""The JSON form of an answer to a question: one for the command line, REST and MCP."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sophia_kit.metrics.json_form import value_record

if TYPE_CHECKING:
    from sophia_kit.metrics.question.answer import Answer, Option

__all__ = ["answer_record", "full_command"]


def answer_record(answer: Answer, *, demo: bool) -> dict[str, Any]:
    """An answer; with `demo`, its commands ask the demo company."""
    return {
        "question": answer.question,
        "status": answer.status,
        "confidence": round(answer.confidence, 3),
        "understood": answer.understood,
        "reason": answer.reason,
        "notes": answer.notes,
        "query": None if answer.query is None else asdict(answer.query),
        "top": None if answer.top is None else asdict(answer.top),
        "command": None if answer.query is None else full_command(answer, demo=demo),
        "call": answer.call,
        "values": [] if answer.result is None else [value_record(value) for value in answer.result.values],
        "total": None if answer.total is None else value_record(answer.total),
        "change": None if answer.change is None else answer.change.text(),
        "options": [
            {"understood": item.understood, "command": full_command(item, demo=demo), "call": item.call}
            for item in answer.options
        ],
    }


def full_command(of: Answer | Option, *, demo: bool) -> str:
    """The command that asks it; with `demo`, of the demo company."""
    return f"{of.command}{' --demo' if demo else ''}"
