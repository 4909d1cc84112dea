"""Kept answers of language models in the state."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sophia_kit.state.engine import Engine

__all__ = ["LlmCacheStore"]


class LlmCacheStore:
    """Texts by key, for a time; the oldest go when there are too many."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, key: str, now: datetime) -> str | None:
        """What is kept under `key`; None when there is nothing, or nothing any more."""
        rows = self._engine.execute(
            "SELECT answer FROM llm_cache WHERE cache_key = ? AND expires_at > ?", [key, _text(now)]
        )
        return str(rows[0][0]) if rows else None

    def put(self, key: str, answer: str, now: datetime, ttl_s: float, most: int) -> None:
        """Keep `answer` for `ttl_s` seconds, among the latest `most`."""
        with self._engine.transaction():
            self._engine.execute("DELETE FROM llm_cache WHERE expires_at <= ?", [_text(now)])
            self._engine.execute(
                "INSERT INTO llm_cache (cache_key, stored_at, expires_at, answer) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (cache_key) DO UPDATE SET stored_at = excluded.stored_at, "
                "expires_at = excluded.expires_at, answer = excluded.answer",
                [key, _text(now), _text(now + timedelta(seconds=ttl_s)), answer],
            )
            self._engine.execute(
                "DELETE FROM llm_cache WHERE cache_key IN (SELECT cache_key FROM llm_cache "
                "ORDER BY stored_at DESC, cache_key LIMIT 1000000 OFFSET ?)",
                [most],
            )

    def clear(self) -> int:
        """Forget all; how many there were."""
        with self._engine.transaction():
            count = int(self._engine.execute("SELECT count(*) FROM llm_cache")[0][0])
            self._engine.execute("DELETE FROM llm_cache")
        return count


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
