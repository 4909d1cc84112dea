-- Calls of language models, never changed. Money of the ledger is decimal text in US dollars, so that no digit is lost.
CREATE TABLE llm_calls (
    sequence BIGINT PRIMARY KEY,
    call_id TEXT NOT NULL UNIQUE,
    started_at TEXT NOT NULL,
    ended_at TEXT NOT NULL,
    kind TEXT NOT NULL,
    tenant TEXT NOT NULL,
    user_name TEXT NOT NULL,
    purpose TEXT NOT NULL,
    preset TEXT,
    model_asked TEXT,
    model_used TEXT,
    provider TEXT,
    deployment TEXT,
    reason TEXT NOT NULL,
    outcome TEXT NOT NULL,
    cached BIGINT NOT NULL,
    streamed BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    cached_input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    reasoning_tokens BIGINT NOT NULL,
    tokens_estimated BIGINT NOT NULL,
    input_usd_per_million TEXT,
    output_usd_per_million TEXT,
    price_source TEXT,
    cost_usd TEXT,
    cost_source TEXT NOT NULL,
    seconds DOUBLE PRECISION NOT NULL,
    first_token_s DOUBLE PRECISION
);
CREATE INDEX llm_calls_ended ON llm_calls (ended_at);
-- What may be spent is held before a call and settled after it. Amounts are whole millionths of a millionth of a dollar.
CREATE TABLE llm_reservations (
    reservation_id TEXT PRIMARY KEY,
    call_id TEXT NOT NULL,
    day TEXT NOT NULL,
    tenant TEXT NOT NULL,
    user_name TEXT NOT NULL,
    amount BIGINT NOT NULL,
    charged BIGINT,
    status TEXT NOT NULL,
    reserved_at TEXT NOT NULL,
    expires_at TEXT NOT NULL
);
CREATE INDEX llm_reservations_open ON llm_reservations (status, expires_at);
-- One row a day and budget: of everybody (member ''), of a tenant, of a user.
CREATE TABLE llm_spend (
    day TEXT NOT NULL,
    budget TEXT NOT NULL,
    member TEXT NOT NULL,
    spent BIGINT NOT NULL,
    reserved BIGINT NOT NULL,
    PRIMARY KEY (day, budget, member)
);
