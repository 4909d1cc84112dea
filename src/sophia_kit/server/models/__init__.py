"""Language models over HTTP, in OpenAI's own form: what an OpenAI client sends elsewhere, it can send here."""
