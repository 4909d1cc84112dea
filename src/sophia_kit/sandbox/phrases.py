"""Sentences of calls, messages, comments and pages. Braces are filled in: {company}, {rival}, {count}."""

from __future__ import annotations

__all__ = ["CHANNELS", "CLOSERS", "COMMENTS", "OPENERS", "RIVALS", "SOURING", "TOPICS"]

RIVALS = ("Corvid Pay", "Oakline Rent", "Tillwater")

OPENERS = (
    "Thanks for making the time today. How has the month been for {company}?",
    "Good to see everyone. I would like to go through last month first, then your questions.",
    "Hello again. You mentioned a few open points last time; shall we begin with those?",
)
CLOSERS = (
    "I will send a summary with the owners and dates this afternoon.",
    "Thank you. Let us speak again in two weeks and see where this stands.",
    "That covers it from our side. Please write to me if anything is missing.",
)

TOPICS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "pricing": (
        (
            "The new price includes same-day payouts and the resident app.",
            "I can show you the fee per payment for your volume.",
        ),
        ("That is in line with what we had budgeted.", "For what we save in the office the price is fair."),
        ("The price went up and we got nothing for it.", "I cannot defend this fee to our owners any more."),
    ),
    "integration": (
        (
            "The property system sends us the rent roll every night.",
            "Our engineers can look at the mapping with yours.",
        ),
        (
            "The sync has been quiet since the last update.",
            "Our team was surprised how quickly the connection was done.",
        ),
        (
            "The sync dropped {count} leases again and we fixed them by hand.",
            "We have spent weeks on this integration.",
        ),
    ),
    "onboarding": (
        (
            "We can bring the next {count} communities on in one go.",
            "The resident letters are ready for you to review.",
        ),
        ("The managers learned it in an afternoon.", "Residents signed up faster than we expected."),
        ("Half of the sites still have not been trained.", "The launch date moved twice and nobody told us."),
    ),
    "payouts": (
        ("Payouts leave us the next banking day by ten in the morning.", "I can walk you through the payout report."),
        ("The money is there when we expect it.", "Reconciliation takes us an hour now, it used to be two days."),
        ("A payout was {count} hours late and our owners called us.", "We cannot match the payouts with the ledger."),
    ),
    "reporting": (
        ("The delinquency report can be scheduled by region.", "Which numbers does your board look at?"),
        ("The board liked the new overview.", "The export saves us a day every month."),
        ("The report and the ledger show different numbers.", "We rebuild this report by hand every month."),
    ),
    "support": (
        (
            "I have asked the support lead to look at your open tickets.",
            "You will have a named contact from next week.",
        ),
        ("Support answered within the hour, that was a relief.", "Your people know our setup, we notice that."),
        ("We waited {count} days for an answer.", "Every ticket starts again from zero with someone new."),
    ),
    "renewal": (
        ("Your agreement renews next quarter; I would like to plan ahead.", "Shall we look at a two-year term?"),
        ("We want to stay, let us talk about the terms.", "I see no reason to look elsewhere."),
        ("We are not going to sign as things are.", "Our owners asked us to look at alternatives before we renew."),
    ),
    "competitor": (
        (
            "May I ask what {rival} offers that you miss here?",
            "Many who compare us with {rival} stay for the payout speed.",
        ),
        ("We had a look at {rival}, but the change is not worth it.", "{rival} called us; we told them we are fine."),
        ("{rival} offered us a lower fee for the same thing.", "Two of our regions would rather move to {rival}."),
    ),
}

SOURING = (
    "We have raised this three times now and nothing has changed.",
    "Residents are blaming us for payments that fail on your side.",
    "I was told this would be fixed in September.",
    "Honestly, we have lost confidence in the roadmap.",
    "Please bring someone who can make a decision to the next call.",
    "We have asked {rival} for a proposal.",
)

CHANNELS: dict[str, tuple[str, ...]] = {
    "sales": (
        "{company} asked for a second demo with their controller.",
        "Moved {company} to proposal, they want to start with {count} communities.",
        "Lost one to {rival} on price. Notes are in the account.",
        "Anyone with a reference in student housing for {company}?",
    ),
    "support": (
        "{company}: {count} residents could not log in this morning, password mail was delayed.",
        "Closed the payout question of {company}, it was their bank's cut-off.",
        "Third ticket about the export this week. Is there a pattern?",
    ),
    "payments-ops": (
        "Return file processed, {count} returns, all matched.",
        "Halyard is a little slow today, watching it.",
        "Card declines are back to normal after the weekend.",
    ),
    "product": (
        "The autopay reminder goes to {count} percent of residents on Monday.",
        "Interview notes with {company} are in the wiki.",
        "Can we drop the old export? Only {count} customers use it.",
    ),
    "general": (
        "Lunch is in the big room at noon.",
        "Welcome to the new colleagues who start today!",
        "Reminder: timesheets by Friday.",
    ),
}

COMMENTS: dict[str, tuple[str, ...]] = {
    "good": ("Payouts are reliable.", "Residents like the app.", "Our rep knows our business."),
    "middle": ("Works, but reports need effort.", "Fine so far.", "Support could be quicker."),
    "bad": (
        "Too expensive for what it does.",
        "The price rise was hard to explain.",
        "Payments failed without notice.",
    ),
}
