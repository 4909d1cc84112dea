"""Snowflake as the warehouse: read by a role that only reads, its views deployed by a job that only does that."""

from sophia_kit.warehouse.snowflake.deploy import ViewChange, deploy_views, plan_views, require_right_to_deploy
from sophia_kit.warehouse.snowflake.engine import SnowflakeWarehouse
from sophia_kit.warehouse.snowflake.layout import platform_tables
from sophia_kit.warehouse.snowflake.login import missing_settings
from sophia_kit.warehouse.snowflake.models import snowflake_models

__all__ = [
    "SnowflakeWarehouse",
    "ViewChange",
    "deploy_views",
    "missing_settings",
    "plan_views",
    "platform_tables",
    "require_right_to_deploy",
    "snowflake_models",
]
