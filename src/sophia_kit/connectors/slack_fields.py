"""Slack's objects as flat records: the fields that its reference names, and those that the connector adds.

Reference: Slack, "conversation object", "user object", "message event" and its subtypes (docs.slack.dev/reference), and
the response types of Slack's own node-slack-sdk (ConversationsListResponse, ConversationsHistoryResponse,
UsersListResponse).

Slack's times are numbers, and a message's `ts` is a name rather than a time: its second, and digits that tell messages
of one second apart. The connector adds times that can be read:

users           modified_at
channels        created_at, modified_at
channel_members id, channel, user, modified_at (that of the channel's creation: Slack gives memberships no time)
messages        id (channel:ts), channel, thread_id (the id of the message that the thread hangs on; its own when it
                hangs on none), posted_at (in whole seconds), modified_at (posted or edited; of a tombstone the end of
                time: nothing comes after it), deleted (a tombstone)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

__all__ = ["CHANNELS", "MEMBERS", "MESSAGES", "USERS", "Shape", "channel", "member", "message", "second_of", "user"]


@dataclass(frozen=True, slots=True)
class Shape:
    """A resource's records.

    Attributes:
        named: the fields that Slack's reference names.
        added: those that the connector adds.
        objects: fields whose own fields are read, each under the path to it.
        always: what a record has in any case.
    """

    named: frozenset[str]
    added: frozenset[str]
    objects: frozenset[str] = frozenset()
    always: tuple[str, ...] = ("id", "modified_at")

    @property
    def fields(self) -> frozenset[str]:
        """All that can be asked for."""
        return self.named | self.added

    def record(self, found: Mapping[str, Any], added: Mapping[str, Any], asked: Iterable[str]) -> dict[str, Any]:
        """The fields asked for, and those that the reference doesn't name."""
        flat = found if self.objects.isdisjoint(found) else _flat(found, self.objects)
        record = {name: added[name] if name in added else flat.get(name) for name in (*asked, *self.always)}
        if self.named.issuperset(flat):
            return record
        return record | {name: value for name, value in flat.items() if name not in self.named and name not in added}


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


USERS = Shape(
    _names(
        "color deleted enterprise_user has_2fa id is_admin is_app_user is_bot is_connector_bot is_email_confirmed "
        "is_forgotten is_invited_user is_owner is_primary_owner is_restricted is_stranger is_ultra_restricted "
        "is_workflow_bot locale name presence profile real_name team_id two_factor_type tz tz_label tz_offset updated "
        "who_can_share_contact_card"
    )
    | {
        f"profile.{name}"
        for name in _names(
            "always_active api_app_id avatar_hash bot_id display_name display_name_normalized email fields first_name "
            "guest_expiration_ts guest_invited_by huddle_state huddle_state_expiration_ts image_1024 image_192 "
            "image_24 image_32 image_48 image_512 image_72 image_original is_custom_image last_name phone pronouns "
            "real_name real_name_normalized skype start_date status_emoji status_emoji_display_info "
            "status_expiration status_text status_text_canonical team title"
        )
    },
    frozenset({"modified_at"}),
    frozenset({"profile"}),
)
CHANNELS = Shape(
    _names(
        "connected_limited_team_ids connected_team_ids context_team_id conversation_host_id created creator "
        "enterprise_id frozen_reason id internal_team_ids is_archived is_channel is_ext_shared is_frozen is_general "
        "is_global_shared is_group is_im is_member is_moved is_mpim is_non_threadable is_open is_org_default "
        "is_org_mandatory is_org_shared is_pending_ext_shared is_private is_read_only is_shared is_thread_only "
        "is_user_deleted last_read latest locale members name name_normalized num_members parent_conversation "
        "pending_connected_team_ids pending_shared previous_names priority properties purpose purpose.creator "
        "purpose.last_set purpose.value shared_team_ids topic topic.creator topic.last_set topic.value unlinked "
        "unread_count unread_count_display updated user"
    ),
    frozenset({"created_at", "modified_at"}),
    frozenset({"purpose", "topic"}),
)
MEMBERS = Shape(frozenset(), frozenset({"channel", "id", "modified_at", "user"}))
MESSAGES = Shape(
    _names(
        "app_id assistant_app_thread attachments blocks bot_id bot_link bot_profile client_msg_id comment "
        "display_as_bot edited edited.ts edited.user event_ts file files hidden icons inviter is_intro is_locked "
        "is_starred item item_type language last_read latest_reply members metadata name no_notifications old_name "
        "parent_user_id permalink pinned_info pinned_to purpose reactions real_name replies reply_broadcast "
        "reply_count reply_users reply_users_count room root saved source_team streaming_state subscribed subtype "
        "team text thread_ts topic ts type unread_count upload upload_reply_to user user_profile user_team username "
        "x_files"
    ),
    frozenset({"channel", "deleted", "id", "modified_at", "posted_at", "thread_id"}),
    frozenset({"edited"}),
    ("id", "posted_at", "modified_at"),
)

_TS = re.compile(r"\d{1,11}\.\d{6}")
_TOMBSTONE = "tombstone"
"""What is left of a deleted message on which a thread hangs."""
_NO_LATER_VERSION = "9999-12-31T00:00:00+00:00"


def user(found: Mapping[str, Any]) -> dict[str, Any]:
    """What is added to a user."""
    return {"modified_at": _iso(found.get("updated"))}


def channel(found: Mapping[str, Any]) -> dict[str, Any]:
    """What is added to a channel. Its last change comes in milliseconds, and not from every workspace."""
    created, updated = found.get("created"), found.get("updated")
    changed = updated // 1000 if isinstance(updated, int | float) else created
    return {"created_at": _iso(created), "modified_at": _iso(changed)}


def member(of: Mapping[str, Any], who: str) -> dict[str, Any]:
    """A membership of the channel `of`."""
    return {"id": f"{of['id']}:{who}", "channel": of["id"], "user": who, "modified_at": _iso(of.get("created"))}


def message(found: Mapping[str, Any], of: str) -> dict[str, Any]:
    """What is added to a message of the channel `of`; nulls where its `ts` is none."""
    ts, thread, edited = found.get("ts"), found.get("thread_ts"), found.get("edited")
    posted = second_of(ts)
    if posted is None:
        name = root = posted_at = modified_at = None
    else:
        name = root = f"{of}:{ts}"
        if thread is not None and second_of(thread) is not None:
            root = f"{of}:{thread}"
        posted_at = modified_at = _iso(posted)
        changed = second_of(edited.get("ts")) if isinstance(edited, dict) else None
        if changed is not None and changed > posted:
            modified_at = _iso(changed)
        if found.get("subtype") == _TOMBSTONE:
            # It doesn't say when; the message may have been edited before, and read then.
            modified_at = _NO_LATER_VERSION
    return {
        "id": name,
        "channel": of,
        "thread_id": root,
        "posted_at": posted_at,
        "modified_at": modified_at,
        "deleted": found.get("subtype") == _TOMBSTONE,
    }


def second_of(ts: object) -> int | None:
    """The second of a message's `ts`; None when it is none."""
    return int(ts.partition(".")[0]) if isinstance(ts, str) and _TS.fullmatch(ts) else None


def _iso(moment: object) -> str | None:
    if not isinstance(moment, int | float) or isinstance(moment, bool) or not 0 <= moment < 10**11:
        return None
    return datetime.fromtimestamp(moment, UTC).isoformat()


def _flat(found: Mapping[str, Any], objects: frozenset[str]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in found.items():
        if name in objects and isinstance(value, dict):
            flat |= {f"{name}.{inner}": held for inner, held in value.items()}
        else:
            flat[name] = value
    return flat
