-- Answers of language models, by a digest of everything that changes them. No prompt is kept.
CREATE TABLE llm_cache (
    cache_key TEXT PRIMARY KEY,
    stored_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    answer TEXT NOT NULL
);
CREATE INDEX llm_cache_expiry ON llm_cache (expires_at);
