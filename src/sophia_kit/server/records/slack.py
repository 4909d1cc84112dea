"""Slack's rows: channels, users, messages."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sophia_kit.server.records.resource import Column, Filter, Resource

__all__ = ["SLACK_CHANNELS", "SLACK_MESSAGES", "SLACK_USERS"]

SLACK_CHANNELS: Final = Resource(
    name="slack_channels",
    one="SlackChannel",
    description="A channel of the workspace that the kit's bot sees, archived ones too.",
    scope="slack:read",
    view="raw.slack_channels",
    where="NOT base.is_deleted",
    required=("slack_channels",),
    columns=(
        Column("channel_id", str, "base.source_id", "Slack's id.", "C0SB0000001"),
        Column("name", str, "base.name", "The channel's name, without #.", "support"),
        Column("topic", str | None, "base.topic", "Its topic.", "Who is on call: see the bookmark"),
        Column("purpose", str | None, "base.purpose", "What it is for.", "All about support"),
        Column("is_private", bool, "base.is_private", "Whether it is private.", example=False),
        Column("is_archived", bool, "base.is_archived", "Whether it is archived.", example=False),
        Column(
            "is_member", bool | None, "base.is_member", "Whether the kit's bot is in it, and reads it.", example=True
        ),
        Column("member_count", int | None, "base.member_count", "How many are in it.", 48),
        Column("creator_id", str | None, "base.creator_id", "Slack's id of who made it.", "U0SB0000000"),
        Column("created_at", datetime, "base.created_at", "When it was made.", "2020-02-03T09:00:00Z"),
    ),
    filters=(
        Filter("name", "name", "contains", "Only with this in the name, whatever its case."),
        Filter("is_private", "is_private", "is", "Only private channels, or only public ones."),
        Filter("is_archived", "is_archived", "is", "Only archived channels, or only others."),
    ),
    order=("name", "channel_id"),
)

SLACK_USERS: Final = Resource(
    name="slack_users",
    one="SlackUser",
    description="A person or bot of the workspace, deactivated ones too.",
    scope="slack:read",
    view="raw.slack_users",
    required=("slack_users",),
    columns=(
        Column("user_id", str, "base.source_id", "Slack's id.", "U0SB0000000"),
        Column("handle", str | None, "base.handle", "The name after @.", "ada.abara"),
        Column("name", str | None, "base.name", "As the privacy policy keeps it: see `notes`.", "Ada Abara"),
        Column("title", str | None, "base.title", "As the person says.", "Account Executive"),
        Column(
            "email", str | None, "base.email", "As the privacy policy keeps it: see `notes`.", "hmac-sha256:0c21b8fe02"
        ),
        Column("is_bot", bool | None, "base.is_bot", "Whether it is a bot.", example=False),
        Column("is_guest", bool | None, "base.is_guest", "Whether it is a guest.", example=False),
        Column("is_active", bool, "NOT base.is_deleted", "False once it was deactivated.", example=True),
    ),
    filters=(
        Filter("user_id", "user_id", "among", "Only this user."),
        Filter("name", "name", "contains", "Only with this in the name, whatever its case."),
        Filter("is_bot", "is_bot", "is", "Only bots, or only people."),
        Filter("is_active", "is_active", "is", "Only active ones, or only deactivated ones."),
    ),
    order=("user_id",),
    notes=("Names and addresses are hashed, or absent, where the privacy policy says so.",),
)

SLACK_MESSAGES: Final = Resource(
    name="slack_messages",
    one="SlackMessage",
    description="A message that a person or a bot wrote, with its author; not the notices that Slack writes itself.",
    scope="slack:read",
    view="messages",
    joins=(
        "JOIN raw.slack_messages AS sent ON sent.source_id = base.source_id",
        "LEFT JOIN raw.slack_users AS author ON author.source_id = base.author_id",
    ),
    required=("slack_messages",),
    resolving=("slack_channels", "slack_users"),
    columns=(
        Column(
            "message_id", str, "base.source_id", "The channel's id and Slack's `ts`.", "C0SB0000001:1766110684.059900"
        ),
        Column("channel_id", str, "sent.channel_id", "Slack's id of the channel.", "C0SB0000001"),
        Column("channel", str, "base.channel", "The channel's name, without #.", "support"),
        Column(
            "thread_id", str, "base.thread_id", "The message that its thread hangs on.", "C0SB0000001:1766110684.059900"
        ),
        Column("posted_at", datetime, "base.posted_at", "When it was posted.", "2025-12-19T02:18:04.059900Z"),
        Column("author_id", str | None, "base.author_id", "Slack's id of who wrote it.", "U0SB0000059"),
        Column("author_name", str | None, "author.name", "The author's name; empty where unknown.", "Ada Abara"),
        Column("author_handle", str | None, "author.handle", "The author's name after @.", "ada.abara"),
        Column("bot_id", str | None, "sent.bot_id", "Slack's id of the bot that wrote it.", None),
        Column("text", str | None, "base.text", "What it says, in Slack's markup.", "Refund went through, closing."),
    ),
    filters=(
        Filter("channel_id", "channel_id", "among", "Only of this channel."),
        Filter("thread_id", "thread_id", "among", "Only of this thread."),
        Filter("author_id", "author_id", "among", "Only by this author."),
        Filter("channel", "channel", "among", "Only of the channel of this name, without #.", named=True),
        Filter("author_handle", "author_handle", "among", "Only by the author of this name after @.", named=True),
        Filter("text", "text", "contains", "Only with this in the text, whatever its case."),
        Filter("posted_from", "posted_at", "from", "Only posted at this time or later."),
        Filter("posted_before", "posted_at", "before", "Only posted before this time."),
    ),
    order=("posted_at", "message_id"),
    notes=(
        "Messages are read only where the privacy settings ask for them (privacy.messages), and only of channels that "
        "the kit's bot is in: a message that isn't here may exist.",
    ),
)
