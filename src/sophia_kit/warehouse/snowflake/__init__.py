"""Snowflake as the warehouse: read by a role that only reads, its views deployed by a job that only does that."""

from sophia_kit.warehouse.snowflake.engine import SnowflakeWarehouse

__all__ = ["SnowflakeWarehouse"]
