"""Vendors' rows as the snapshot has them: declared resources, read page by page, filtered by who asks.

REST and MCP both serve them. A table that was never loaded is unknown, and says so; it isn't empty.
"""

from sophia_kit.server.records.github import REPOSITORY_TREE
from sophia_kit.server.records.gong import GONG_CALLS
from sophia_kit.server.records.page import Page, read_page
from sophia_kit.server.records.resource import DEFAULT_LIMIT, MOST_ROWS, Column, Filter, Resource
from sophia_kit.server.records.salesforce import SALESFORCE_ACCOUNTS, SALESFORCE_CONTACTS, SALESFORCE_OPPORTUNITIES
from sophia_kit.server.records.slack import SLACK_CHANNELS, SLACK_MESSAGES, SLACK_USERS
from sophia_kit.server.records.standing import Standing
from sophia_kit.server.records.threads import SlackThread, ThreadPage, read_threads

__all__ = [
    "DEFAULT_LIMIT",
    "GONG_CALLS",
    "MOST_ROWS",
    "REPOSITORY_TREE",
    "RESOURCES",
    "SALESFORCE_ACCOUNTS",
    "SALESFORCE_CONTACTS",
    "SALESFORCE_OPPORTUNITIES",
    "SLACK_CHANNELS",
    "SLACK_MESSAGES",
    "SLACK_USERS",
    "Column",
    "Filter",
    "Page",
    "Resource",
    "SlackThread",
    "Standing",
    "ThreadPage",
    "read_page",
    "read_threads",
]

RESOURCES = {
    resource.name: resource
    for resource in (
        SLACK_CHANNELS,
        SLACK_USERS,
        SLACK_MESSAGES,
        SALESFORCE_ACCOUNTS,
        SALESFORCE_OPPORTUNITIES,
        SALESFORCE_CONTACTS,
        GONG_CALLS,
        REPOSITORY_TREE,
    )
}
"""All there are, by name."""
