"""Sophia Kit: metrics defined once, explained, unknown when unknown, sealed with signed evidence."""
