"""The connector lab: what is configured, what can be read, a look at any of it, and how its loads went.

Open it with `marimo edit notebooks/connector_lab.py`, or run it:
`python notebooks/connector_lab.py --vendor salesforce --resource Account --ask records`. Vendors are talked to when that
is asked for, and otherwise not. See docs/explore-a-vendor.md.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Connector lab")


@app.cell(hide_code=True)
def _():
    import marimo as mo

    import sophia_kit as sk
    from sophia_kit import reports

    return mo, reports, sk


@app.cell(hide_code=True)
def _(mo, reports):
    surface = reports.Surface(globals().get("__file__"), mo)
    return (surface,)


@app.cell(hide_code=True)
def _(reports, surface):
    # Where there is a button, nobody is asked without it.
    def _given():
        found = surface.arguments(reports.CONNECTOR_OPTIONS)
        return found if surface.script else {**found, "ask": None}

    params = surface.attempt(lambda: reports.connector_parameters(_given()))
    return (params,)


@app.cell(hide_code=True)
def _(reports, sk, surface):
    settings = surface.attempt(sk.load_settings)
    setups = surface.attempt(lambda: reports.vendor_setups(settings))
    return settings, setups


@app.cell(hide_code=True)
def _(mo, reports, settings, setups):
    ask_health = mo.ui.run_button(label="Ask the vendors how they are", disabled=all(item.missing for item in setups))
    _demo = "<strong>DEMO DATA</strong>: a fictional company. " if settings.demo else ""
    mo.vstack(
        [
            mo.md("# Connector lab"),
            mo.Html(
                f"<p>{_demo}What is configured, what can be read, and what a load would store. A vendor is talked to "
                "when you press a button, and otherwise not. docs/connectors.md says what is sent.</p>"
            ),
            mo.md("## Vendors"),
            mo.ui.table(
                reports.setup_rows(setups),
                selection=None,
                show_data_types=False,
                pagination=False,
                wrapped_columns=["Missing"],
            ),
            ask_health,
        ]
    )
    return (ask_health,)


@app.cell(hide_code=True)
async def _(ask_health, mo, params, reports, settings):
    healths = ()
    if ask_health.value or params.ask == "health":
        healths = await reports.check_vendors(settings)
    mo.ui.table(
        reports.health_rows(healths),
        selection=None,
        show_data_types=False,
        pagination=False,
        wrapped_columns=["It says", "What to do"],
    ) if healths else None
    return (healths,)


@app.cell(hide_code=True)
def _(mo, params, reports, setups):
    vendor = mo.ui.dropdown(
        options=[item.provider for item in setups], value=reports.chosen_vendor(params, setups), label="Vendor"
    )
    return (vendor,)


@app.cell(hide_code=True)
def _(mo, params, reports, settings, surface, vendor):
    readings = surface.attempt(lambda: reports.reading_of(vendor.value, settings))
    controls = mo.ui.dictionary(
        {
            "resource": mo.ui.dropdown(
                options=[item.resource.name for item in readings],
                value=surface.attempt(lambda: reports.chosen_resource(params, vendor.value, readings)),
                label="Resource",
            ),
            "records": mo.ui.number(start=1, stop=1000, step=1, value=params.records, label="Records"),
            "since": mo.ui.text(
                value="" if params.since is None else params.since.isoformat(),
                placeholder="YYYY-MM-DD",
                label="Changed since",
            ),
        }
    )
    ask_records = mo.ui.run_button(label="Read them now")
    return ask_records, controls, readings


@app.cell(hide_code=True)
def _(ask_records, controls, mo, readings, reports, vendor):
    mo.vstack(
        [
            mo.md("## What can be read"),
            vendor,
            mo.ui.table(
                reports.reading_rows(readings),
                selection=None,
                show_data_types=False,
                pagination=False,
                wrapped_columns=["Read here"],
            ),
            mo.md("## A look"),
            mo.hstack([*controls.elements.values(), ask_records], justify="start", align="end", wrap=True),
        ]
    )
    return


@app.cell(hide_code=True)
def _(controls, readings):
    chosen = next(item for item in readings if item.resource.name == controls.value["resource"])
    return (chosen,)


@app.cell(hide_code=True)
async def _(ask_records, chosen, controls, params, reports, settings, surface, vendor):
    looked = None
    if ask_records.value or params.ask == "records":
        _asked = surface.attempt(lambda: reports.connector_parameters(controls.value))
        looked = await reports.look_at(
            vendor.value,
            chosen.resource.name,
            settings,
            records=_asked.records,
            since=_asked.since,
        )
    return (looked,)


@app.cell(hide_code=True)
def _(looked, mo, reports):
    mo.stop(looked is None, mo.md("Nothing was read yet."))
    mo.stop(looked.look is None, mo.callout(looked.reason, kind="warn"))
    mo.vstack(
        [
            mo.callout(reports.look_text(looked.look), kind="warn" if looked.look.refused else "success"),
            mo.ui.table(reports.look_rows(looked.look), selection=None, show_data_types=False, page_size=10),
            *(
                [
                    mo.ui.table(
                        reports.refused_rows(looked.look),
                        selection=None,
                        show_data_types=False,
                        label="Refused",
                        wrapped_columns=["Reason"],
                    )
                ]
                if looked.look.refused
                else []
            ),
        ]
    )
    return


@app.cell(hide_code=True)
def _(chosen, mo, reports):
    mo.accordion(
        {
            "What is stored of each field": mo.ui.table(
                reports.stored_rows(chosen), selection=None, show_data_types=False, pagination=False
            )
        }
    )
    return


@app.cell(hide_code=True)
def _(chosen, reports, settings, surface):
    past = surface.attempt(lambda: reports.past_of(chosen.resource.table, settings))
    return (past,)


@app.cell(hide_code=True)
def _(chosen, mo, past, reports):
    mo.vstack(
        [
            mo.md(f"## raw.{chosen.resource.table}"),
            mo.callout(mo.Html(reports.freshness_markup(past)), kind=reports.freshness_kind(past)),
            mo.md("### Last loads"),
            mo.ui.table(
                reports.attempt_rows(past),
                selection=None,
                show_data_types=False,
                pagination=False,
                wrapped_columns=["Note"],
            )
            if past.attempts
            else mo.md("None."),
            mo.md(f"### Quarantine: {past.open_findings:,} open"),
            mo.ui.table(
                reports.quarantine_rows(past),
                selection=None,
                show_data_types=False,
                page_size=10,
                wrapped_columns=["Reason", "As it was kept"],
            )
            if past.findings
            else mo.md("Nothing."),
        ]
    )
    return


@app.cell(hide_code=True)
def _(healths, looked, past, readings, reports, setups, surface):
    if surface.script:
        reports.print_connectors(setups, readings, past, healths=healths, looked=looked)
        if any(item.state == "failing" for item in healths) or (looked is not None and looked.look is None):
            raise SystemExit(1)
    return


if __name__ == "__main__":
    app.run()
