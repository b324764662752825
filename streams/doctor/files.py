"""Checks of the settings themselves, and of the files that they name."""

import os
from dataclasses import replace

from streams.counted import counted
from streams.doctor.check import Check
from streams.errors import PolicyError, SettingsError
from streams.files.districts import load_districts
from streams.files.policy import read_policy, zones_without
from streams.files.thresholds import read_thresholds
from streams.notify.service import load_receivers
from streams.settings import Settings, misspelt


def check_settings(settings: Settings) -> Check:
    """Say which settings differ from their defaults (names only: values may be secrets)."""
    names = sorted(f"UB_{name.upper()}" for name in settings.model_fields_set)
    unknown = misspelt()
    if unknown:
        return Check(
            "settings",
            False,
            f"no such setting: {', '.join(unknown)}",
            "correct the spelling (docs/settings.md lists all), or unset it",
        )
    return Check("settings", True, f"set: {', '.join(names)}" if names else "all at their defaults")


def check_policy_file(settings: Settings) -> Check:
    """The policy file, where one is set, is one that a worker would accept."""
    if settings.policy_file is None:
        return Check("policy file", True, f"none; every cell has capacity {settings.default_capacity}")
    try:
        policy, findings = read_policy(settings, settings.policy_file)
        findings.raise_errors()
    except PolicyError as error:
        return Check("policy file", False, str(error), "correct the file, or unset UB_POLICY_FILE")
    on_numbers = sum(len(one.rules) for one in policy.counts) + sum(len(one.rules) for one in policy.trips)
    on_vehicles = sum(len(one.rules) for one in policy.stays) + sum(len(one.rules) for one in policy.speeds)
    zones, rules = counted(len(policy.zones), "zone"), counted(on_numbers, "rule")
    found = f"{zones}, {rules} on numbers, {on_vehicles} on single vehicles"
    noted = f"; note: {findings.noted}" if findings.noted else ""
    return Check("policy file", True, f"{settings.policy_file}: {found}{noted}")


def check_thresholds_file(settings: Settings) -> Check:
    """The file of thresholds, where one is set, is one that a worker would accept."""
    if settings.thresholds_file is None:
        return Check("thresholds", True, "none; no alerts of kind threshold")
    try:
        thresholds = read_thresholds(settings.thresholds_file)
        policy, _ = read_policy(settings, settings.policy_file)
    except PolicyError as error:
        return Check("thresholds", False, str(error), "correct the file, or unset UB_THRESHOLDS_FILE")
    if wrong := "; ".join(zones_without(replace(policy, thresholds=thresholds))):
        return Check("thresholds", False, wrong, "correct the name there, or in UB_POLICY_FILE")
    return Check("thresholds", True, f"{settings.thresholds_file}: {len(thresholds)}")


def check_districts_file(settings: Settings) -> Check:
    """The file of districts, where one is set, is one that a worker would accept."""
    if settings.districts_file is None:
        return Check("districts", True, "none; a request has the district that its events name")
    try:
        load_districts(settings)
    except SettingsError as error:
        return Check("districts", False, str(error), "correct the file, or unset UB_DISTRICTS_FILE")
    return Check("districts", True, f"{settings.districts_file} is valid")


def check_notify_file(settings: Settings) -> Check:
    """The file of receivers, where one is set, is one that `urbanbrain notify` would accept."""
    if settings.notify_file is None:
        return Check("notifications", True, "none; alerts are on MQTT, Kafka and in the tables")
    try:
        receivers = load_receivers(settings, os.environ)
    except SettingsError as error:
        if str(error) == check_districts_file(settings).detail:
            return Check("notifications", False, "not known without the districts", "repair those first")
        return Check("notifications", False, str(error), "correct that, or unset UB_NOTIFY_FILE")
    return Check("notifications", True, f"{settings.notify_file}: {counted(len(receivers), 'receiver')}")
