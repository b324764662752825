"""The file of districts as the settings have it, read from disk."""

from streams.errors import SettingsError
from streams.requests.districts import Districts
from streams.settings import Settings


def load_districts(settings: Settings) -> Districts:
    """Read the file of districts; there are none where no file is set. SettingsError says why it cannot be used."""
    if settings.districts_file is None:
        return Districts.parse(None)
    try:
        document = settings.districts_file.read_text("utf-8-sig")
    except OSError as error:
        raise SettingsError(
            f"UB_DISTRICTS_FILE={settings.districts_file}: {error.strerror}; give a readable GeoJSON file"
        ) from None
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"UB_DISTRICTS_FILE={settings.districts_file}: {error}; UTF-8 is expected"
        ) from None
    return Districts.parse(document, f"UB_DISTRICTS_FILE={settings.districts_file}")
