"""Failure -> Plan and Evidence from a gateway: the other back-end of what `collection` does with hosts of our own."""

from __future__ import annotations

from FailTaleLibrary.gateway.source import MARK_INTERVAL_S, CollectedRecord, GatewaySource

__all__ = ["MARK_INTERVAL_S", "CollectedRecord", "GatewaySource"]
